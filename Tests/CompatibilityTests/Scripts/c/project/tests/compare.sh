for input in tests/*.in; do
    ./calculator <"$input" 2>&1 | diff - "${input%.in}.out" && echo "same ${input##*/}"
done
