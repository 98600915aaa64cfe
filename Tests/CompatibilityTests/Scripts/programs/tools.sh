# jq, bc and the sqlite3 command line.
set -e
echo '{"users": [{"name": "Ana", "age": 31}, {"name": "Bo", "age": 25}]}' >data.json
jq -r '.users | sort_by(.age)[] | "\(.name) \(.age)"' data.json; jq '[.users[].age] | add / length' data.json; jq -n '[range(1e5)] | length'; jq . <<<'{broken' || echo "status $?"
echo 'scale=50; 4*a(1)' | bc -l; echo '2^500 % 1000007' | bc
sqlite3 data.db "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'one'), (2, 'two'); SELECT count(*), sum(a) FROM t;"
sqlite3 -csv -header data.db 'SELECT * FROM t ORDER BY a DESC'; printf '3,three\n' >more.csv; sqlite3 data.db -cmd '.mode csv' '.import more.csv t' 'SELECT max(a) FROM t' '.schema'; sqlite3 data.db .dump | sqlite3 copy.db; sqlite3 copy.db 'PRAGMA integrity_check'
