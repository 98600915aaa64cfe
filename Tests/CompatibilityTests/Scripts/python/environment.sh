# A virtual environment with pip, a package installed into it from a directory, and its script.
set -e
python3 -m venv env
. env/bin/activate
python -c 'import sys; print(sys.prefix, sys.prefix != sys.base_prefix)'
pip --version
pip list --disable-pip-version-check
mkdir -p greeting greeting-1.0.dist-info
echo 'def main(): print("greetings")' >greeting/__init__.py
printf 'Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n' >greeting-1.0.dist-info/METADATA
printf 'Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n' >greeting-1.0.dist-info/WHEEL
printf '[console_scripts]\ngreet = greeting:main\n' >greeting-1.0.dist-info/entry_points.txt
printf '%s,,\n' greeting/__init__.py greeting-1.0.dist-info/{METADATA,WHEEL,entry_points.txt,RECORD} >greeting-1.0.dist-info/RECORD
python -m zipfile -c greeting-1.0-py3-none-any.whl greeting greeting-1.0.dist-info
pip install --quiet --disable-pip-version-check --no-index ./greeting-1.0-py3-none-any.whl
greet
pip uninstall --quiet --yes greeting
deactivate
command -v greet || echo "gone"
