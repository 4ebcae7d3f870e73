"""Remove from installed packages what no running server reads: ``python3 prune.py FOLDER``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_UNUSED = (
    *("**/tests/", "**/test/", "numpy/random/_examples/"),
    # sources and headers of what is compiled
    *("**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.pxi", "**/*.tp"),
    *("**/*.h", "**/*.hpp", "**/*.c", "**/*.cpp", "**/*.cu", "**/*.a", "**/*.build"),
    # what installing leaves: lists of files that no longer hold, commands, a lock
    *("*.dist-info/RECORD", "bin/", "share/", ".lock"),
    # documentation
    *("**/*.md", "**/*.rst"),
    # AWS's other 400 services
    *("boto3/data/", "boto3/examples/"),
    # what LightGBM's package imports, and its library, which is all that is used of it, does not
    *(f"{name}{end}" for name in ("scipy", "narwhals") for end in ("/", ".libs/", "-*.dist-info/")),
    # of fonts and pictures all that drawing a PNG with DejaVu Sans does without
    *("fontTools/[!m]*/", "fontTools/**/*.so", "mpl_toolkits/axes*/"),
    *("matplotlib/mpl-data/sample_data/", "matplotlib/mpl-data/images/"),
    *("matplotlib/mpl-data/fonts/[!t]*/", "matplotlib/backends/web_backend/"),
    *(f"matplotlib/mpl-data/fonts/ttf/{name}*" for name in ("STIX", "cm", "*Serif", "*Mono")),
    *("PIL/_avif.*", "PIL/_webp.*", "PIL/_imagingft.*", "PIL/_imagingcms.*", "PIL/_imagingmath.*"),
    *("pillow.libs/libavif-*", "pillow.libs/libharfbuzz-*", "pillow.libs/libfreetype-*"),
    *("pillow.libs/libpng16-*", "pillow.libs/liblcms2-*", "pillow.libs/libwebp*"),
    *("pillow.libs/libbrotli*", "pillow.libs/libsharpyuv-*"),
    # what Zappa needs on the developer's machine only
    *("zappa/cli.py", "zappa/core.py", "zappa/letsencrypt.py"),
)


def prune(packages: Path) -> None:
    """Remove what no running server reads."""
    unused = [path for pattern in _UNUSED for path in packages.glob(pattern)]
    unused += [path for path in (packages / "botocore/data").glob("*/") if path.name != "s3"]
    for path in unused:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # it may have lain in a folder that is gone


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
