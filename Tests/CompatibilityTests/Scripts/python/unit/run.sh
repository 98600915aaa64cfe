# A package's unit tests, its documentation's examples, coverage by trace; then all of it compiled and zipped.
set -e
python3 -m unittest discover -v 2>&1
python3 -m doctest shapes/area.py && echo "examples hold"
python3 -m compileall -q --invalidation-mode unchecked-hash shapes
ls shapes/__pycache__
python3 -m shapes.area 3 4
python3 -X importtime -c 'import shapes' 2>&1 | grep -c shapes
python3 -m trace --count --summary --missing -C trace --ignore-dir=/usr shapes/area.py 2 3 | head -1
python3 -m zipfile -c shapes.zip shapes/area.py shapes/__init__.py && python3 -m zipfile -l shapes.zip | cut -c1-30
rm -r shapes/__pycache__; mkdir app && cp -R shapes app && echo 'import sys; sys.argv[1:] = ["5", "6"]; import shapes.area as a; a.main()' >app/__main__.py
python3 -m zipapp app -p '/usr/bin/env python3' && ./app.pyz
python3 -m ast shapes/__init__.py | head -3
printf 'break shapes.area.area\ncontinue\nargs\ncontinue\nquit\n' | python3 -m pdb -m shapes.area 7 8
