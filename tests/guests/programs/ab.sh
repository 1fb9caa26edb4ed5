#!/bin/sh
# Loads Ponte with ab, the benchmark of the Apache server. It speaks HTTP/1.0 with keep-alive (-k).
#
#     sh ab.sh URL-OF-THE-GREETER URL-OF-THE-VALUES
greeter=$1 base=${1%/*}
body=$(mktemp)
trap 'rm "$body"' EXIT
cat > "$body" <<END
<methodCall><methodName>hello</methodName>
<params><param><value>Hello</value></param></params></methodCall>
END

# check NAME ARGUMENT...: none of 200 requests fails, and all go over connections that are kept.
check() {
    name=$1
    shift
    printed=$(ab -k -q -n 200 -c 4 "$@" 2>&1)
    counted=$(echo "$printed" | grep -E 'Complete|Failed|Non-2xx|Keep-Alive requests')
    case $(echo "$counted" | tr -s ' \n' ' ') in
        'Complete requests: 200 Failed requests: 0 Keep-Alive requests: 200'*) echo "ok $name" ;;
        *) echo "FAILED $name: see below"; echo "$printed" ;;
    esac
}

check hello -p "$body" -T text/xml "$greeter"
check pages "$base/health"
check head -i "$base/health"
