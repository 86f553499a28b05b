"""`pilar` with the test platform: `python -m tests.shore.serving serve …`."""

from app.cli import main
from tests.shore.install import install

if __name__ == "__main__":
    install()
    main()
