# Builds, tests, changes, rebuilds, installs and packs the C project in this directory.
set -e
make -j4 2>&1 | sort
make test; ./calculator -f table 'price = 3 * 4' 'price ^ 2 - 1'; echo '1 / 0' | ./calculator || echo "status $?"; make 2>&1 | tail -1
touch -d '2000-01-01 UTC' build/evaluate.o; make -n | grep -c gcc; make CFLAGS='-O2 -std=gnu17' 2>&1 | grep -c evaluate; make install DESTDIR="$PWD/root" PREFIX=/usr; (cd root && find . | sort)
LD_LIBRARY_PATH=root/usr/lib root/usr/bin/calculator 'sqrt(2) * sqrt(2)'; make dist; tar -tf calculator.tar | wc -l; make missing 2>&1 | tail -1 || true; make clean; find . -name '*.o' | wc -l
