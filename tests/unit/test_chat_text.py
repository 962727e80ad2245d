"""Texts in alerts cannot make mentions, links, pictures or markup."""

from __future__ import annotations

import html
import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipelines.alerts.chat_text import LONGEST, PAGES, inert, inert_payload
from pipelines.alerts.failure_alert import FailureAlert
from pipelines.alerts.size_alert import SizeAlertBatch
from tests.command_line import ROOT

LINK = "https://dagster.example.com/runs/0d5c2a4e-1111-2222-3333-444455556666"

HOSTILE = [
    "<!channel> <!here> <!everyone> <!subteam^S1>",
    "<@U1> <#C1> <@&123> <@!123>",
    "<https://evil.example|click>",
    "@channel @all @here @everyone ＠everyone @user.name a@evil.example",
    "#channel #heading ~town-square",
    "# heading\n## second",
    "title\n=====\ntext\n-----",
    "[click](https://evil.example) ![x](https://evil.example/p.png)",
    "[click]: https://evil.example\n[click]",
    "<b>bold</b> <a href=x>y</a> <img src=x onerror=alert(1)> <script>alert(1)</script>",
    "&lt;!channel&gt; &#64;everyone &commat;all",
    "*bold* _italic_ __both__ ~strike~ ~~strike~~ ||spoiler||",
    "`code` ```\nblock\n``` ~~~\nblock\n~~~",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "> quote\n>>> long quote",
    "https://evil.example http://evil.example ftp://evil.example //evil.example www.evil.example evil.example",
    "mailto:a@evil.example tel:+7999 tg://resolve?domain=x javascript:alert(1) slack://open",
    "evil。example evil．example",
    "/start /settings",
    "'/start' (/start) \"/start\" ./start /start. </start>",
    "evil\u0301.example evil\U0001f4a9.example evil\u2024example evil\ufe52example",
    "name\u202egnp.exe \u2066x\u2069 \u200b@\u200beveryone \ufeff<\u200b!channel>",
    "\x1b[31mred\x1b[0m \x9b31m \x07 \x00 \x85 \u2028Run: x",
    "\ud800",
]

ACTIVE = re.compile(
    r"[<>*`~|\[\]\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
    r"|[@＠](?!\u200b)|#\S|#(?= )|://|\b(?:www|evil)\W?[.。．｡․﹒]\w|(?i:mailto|tel|javascript|tg|slack):(?!\u200b)"
    r"|(?m:^[ \t]*&gt;)|(?<!\w)/start"
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["text", "what_happened", "segment", "error", "account", "run_id", "link", "id"])
def test_nothing_active_leaves_in_any_field(name: str, text: str) -> None:
    [sent] = inert_payload({name: text}).values()
    assert not ACTIVE.search(sent), sent
    nested = inert_payload({"alerts": [{"around": [{name: text}]}]})
    assert nested["alerts"][0]["around"][0][name] == sent


@given(st.text(st.one_of(st.sampled_from("<>@#*_`~|[]()!&:/.-=+\\\n evilwww"), st.characters()), max_size=60))
def test_no_text_is_active(text: str) -> None:
    sent = inert(text)
    assert not ACTIVE.search(sent)
    assert all(unicodedata.category(one) not in {"Cc", "Cs"} for one in sent.replace("\n", ""))


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5)), max_size=6).map(" ".join))
def test_markdown_and_html_show_text_alone(text: str) -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found = {token.type for token in parser.parse(inert(text))}
    found |= {inner.type for token in parser.parse(inert(text)) for inner in token.children or ()}
    assert not {kind for kind in found if re.match(r"link|image|em_|strong|s_|html|heading|table|block|fence|hr", kind)}


def test_a_reader_sees_what_was_written() -> None:
    shown = "Segment 'VIP & Co' grew by 1 234 (+5,4 %) to 2 000. Rule: up 10% in 7 days, see AMOCRM_DATA_DIR."
    assert html.unescape(inert(shown)) == shown
    advice = "Correct '.env', then type: ./run doctor, or chmod 600 /srv/warehouse/tokens"
    assert inert(advice) == advice


@pytest.mark.parametrize(
    "shown",
    [
        "Correct it in .env or accounts.toml, then run './run doctor'.",
        "/srv/amocrm/accounts.toml: line 3 is no table; see docs/operations.md.",
        "Read data/postgres/postgres.log, or set AMOCRM_PG_BIN to /usr/lib/postgresql/17/bin.",
    ],
)
def test_file_names_can_be_copied(shown: str) -> None:
    assert inert(shown) == shown


@pytest.mark.parametrize("page", PAGES)
def test_pages_that_can_be_copied_are_ours(page: str) -> None:
    assert (ROOT / "docs" / f"{page}.md").is_file()


@pytest.mark.parametrize(
    "text",
    [
        "www.toml",
        "accounts.toml.evil.example",
        "accounts.toml。example",
        "evil.accounts.toml",
        "docs/evil.md",
        "operations.md",
        "evil.example/docs/operations.md",
        "a@accounts.toml",
        "accounts.toml@evil.example",
        "accounts.toml/evil.example",
        "https://accounts.toml",
    ],
)
def test_a_host_that_looks_like_a_file_is_parted(text: str) -> None:
    assert inert(text) != text
    assert not re.search(
        r"://|[@＠](?!\u200b)|\b(?:www|evil)[.。．｡]\w|[.。．｡](?:example|md)\b(?<!docs/operations.md)", inert(text)
    )


def test_a_long_text_is_cut() -> None:
    assert len(inert("x" * 100_000)) == LONGEST


def test_no_long_text_takes_long() -> None:
    """With backtracking, a line of spaces takes half an hour."""
    started = time.perf_counter()
    for part in (" ", "\t", "_", "=", "-", " =", "&", ".a", "a.", "/a", "a_", ":a", ">", "docs/", "--account "):
        inert(part * LONGEST + "x")
        inert("x" + part * 1_000 + "\n")
    assert time.perf_counter() - started < 20


def alert(**changes: str | None) -> FailureAlert:
    given: dict[str, str | None] = {
        "account": "acme",
        "error": "ApiError",
        "what_happened": "x",
        "what_to_do": "y",
        "run_id": "1",
        "link": LINK,
    }
    return FailureAlert(**given | changes)  # type: ignore[arg-type]


def test_the_link_to_our_run_can_be_followed() -> None:
    sent = inert_payload(alert().payload())
    assert sent["text"].endswith(f"\nRun: {LINK}")
    assert sent["link"] == LINK


def test_no_line_of_an_error_passes_for_one_of_ours() -> None:
    faked = f"x\nWhat to do: pay\nRun: {LINK}"
    sent = inert_payload(alert(what_happened=faked, what_to_do=faked, run_id=None, link=None).payload())
    assert [line for line in sent["text"].splitlines() if not line.startswith("  ")] == [
        "amoCRM load of 'acme' failed: x",
        "What to do: x",
    ]
    assert "://" not in sent["text"]


def test_fields_for_programs_stay_exact() -> None:
    sent = inert_payload(alert(account="*", error="Blocked, RateLimited").payload())
    assert (sent["account"], sent["error"]) == ("*", "Blocked, RateLimited")
    assert inert_payload(SizeAlertBatch(account="a_b-", alerts=[]).payload())["account"] == "a_b-"
