"""`smarketing report send`: the last report to whoever gets it, now. What is sent, and to whom, is in `delivery.reports`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from console.failures import Exit, Refusal
from console.screen import Screen, many, plain
from delivery.reports import OF, NoReports, send_report
from mapping.problems import listed
from sync.project import open_project


async def send(screen: Screen, folder: Path, every: str) -> Exit:
    asked = next((known for known in OF if known == every), None)
    if asked is None:
        raise Refusal("usage", f"There is no {plain(every, 40)} report.", f"It is one of {listed(OF)}.")
    async with open_project(folder, systems=()) as opened:
        try:
            done = send_report(opened, asked)
        except NoReports as error:
            raise Refusal("no-recipients", str(error), f"Say who: reports.{asked}.to, in smarketing.yaml.") from None
    result = Exit.FINDINGS if done.failed or done.unknown else Exit.DONE
    screen.emit({"ok": result == Exit.DONE, "exit": int(result), **asdict(done)})
    screen.say(Text.assemble(("✓ ", "good"), f"sent to {many(len(done.sent), 'recipient')}"))
    if done.before:
        screen.say(Text(f"{many(len(done.before), 'recipient')} had it already.", style="quiet"))
    for name, said in done.failed.items():
        screen.say(Text.assemble(("● ", "bad"), f"{plain(name)}: {plain(said, 300)}; the next call tries again"))
    for name in done.unknown:
        why = "it was being sent when the process died; nobody knows whether it arrived, and it is not sent again"
        screen.say(Text.assemble(("● ", "warn"), f"{plain(name)}: {why}"))
    return result
