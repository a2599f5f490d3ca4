"""`python -m tests.scenarios` writes docs/scenarios.md."""

from tests.scenarios.table import PAGE, page

PAGE.write_text(page())
print(f"{PAGE} is written.")
