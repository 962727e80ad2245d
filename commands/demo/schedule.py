"""The demo's last load."""

from commands.demo.home import DemoHome
from pipelines.settings import Settings


def load_on_schedule(home: DemoHome, settings: Settings, url: str) -> None:
    from pipelines.load import load_account
    from pipelines.warehouse.engine import open_engine

    e = open_engine(url)
    load_account(e, settings.account(), settings)
    e.dispose()
