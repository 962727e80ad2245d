"""Guards in telling people: once, no secret, and nothing that acts."""

from typing import Final

from faults.mutation.mutant import Mutant, guard

TELLING: Final[tuple[Mutant, ...]] = (
    guard(
        "An event is told by one load",
        "sql/statements/waiting_size_alerts.sql",
        "for no key update skip locked",
        "",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "Loads do not wait for one that tells",
        "sql/statements/waiting_size_alerts.sql",
        " skip locked",
        "",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "Two loads decide one after the other",
        "sql/statements/lock_size_alerts.sql",
        "select pg_advisory_xact_lock(hashtextextended('amocrm.size_alert', :account_id))",
        "select :account_id",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "What was told is not told again",
        "sql/statements/tell_size_alerts.sql",
        "set told_at = :told_at",
        "set told_at = null",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "Telling fails no load",
        "pipelines/size_alerts/tell.py",
        "    except AlertNotSent as error:\n        return Told(begun_count=begun_count, trouble=str(error))\n",
        "    except AlertNotSent:\n        raise\n",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "Whatever goes wrong in telling fails no load",
        "pipelines/size_alerts/tell.py",
        "    except WarehouseError as error:\n        return Told(begun_count=begun_count, trouble=error.message)\n",
        "    except WarehouseError:\n        raise\n",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "Sizes of another mode are no events",
        "pipelines/size_alerts/tell.py",
        '    if found.customers_mode != "segments":\n',
        "    if False:\n",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "Names call nobody in a chat",
        "pipelines/size_alerts/message.py",
        ".translate(INERT)",
        "",
        "tests/integration/test_size_alerts.py",
    ),
    guard(
        "The webhook's address is in no message",
        "pipelines/alerts.py",
        'return f"cannot be reached ({type(error).__name__})", True',
        'return f"cannot be reached ({error})", True',
        "tests/integration/test_alerts.py::test_nobody_there",
    ),
    guard(
        "A webhook's redirect is not followed",
        "pipelines/alerts.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/integration/test_alerts.py::test_refusals_are_final_and_redirects_are_not_followed",
    ),
    guard(
        "A webhook takes no proxy from the environment",
        "pipelines/alerts.py",
        "        session.trust_env = False\n",
        "",
        "tests/integration/test_alerts.py::test_netrc_and_proxies_of_the_machine_are_not_used",
    ),
    guard(
        "A cell of CSV is no formula",
        "pipelines/report/export.py",
        'return f"\'{value}" if value.startswith(RISKY) else value',
        "return value",
        "tests/unit/report/test_export.py::test_text_never_begins_as_a_formula_does",
    ),
    guard(
        "A page is inert",
        "pipelines/report/page.py",
        "autoescape=True",
        "autoescape=False",
        "tests/unit/report/test_page.py",
        "tests/integration/test_report.py",
    ),
    guard(
        "A terminal only shows text",
        "pipelines/manage/printable.py",
        '    return "".join(map(escaped, text))',
        "    return text",
        "tests/unit/manage/test_export.py::test_names_cannot_leave_their_place",
    ),
)
