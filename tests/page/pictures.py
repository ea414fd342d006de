"""Turn the screenshots of the page tests into the README's pictures: ``make figures``."""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {"home": "scene", "room": "room", "alarm": "alarm"}


def main() -> None:
    """Write ``docs/pictures/*.webp``, each at most 200 kB."""
    target = ROOT / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    for source, name in PICTURES.items():
        shot = ROOT / "screenshots" / f"{source}.png"
        if shot.is_file():
            Image.open(shot).convert("RGB").save(target / f"{name}.webp", quality=80, method=6)


if __name__ == "__main__":
    main()
