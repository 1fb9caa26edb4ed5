#!/bin/sh
# Calls Ponte with curl, which knows nothing but HTTP.
#
#     sh curl.sh URL-OF-THE-GREETER URL-OF-THE-VALUES
greeter=$1 base=${1%/*}
call='<?xml version="1.0"?><methodCall><methodName>hello</methodName>
<params><param><value>Hello</value></param></params></methodCall>'

# check NAME TEXT ARGUMENT...: what curl prints has this text.
check() {
    name=$1 expected=$2
    shift 2
    printed=$(curl --silent --show-error --max-time 5 --noproxy '*' "$@" 2>&1)
    case $printed in
        *"$expected"*) echo "ok $name" ;;
        *) echo "FAILED $name: $printed" ;;
    esac
}

world='<value><string>World</string></value>'
check hello "$world" -H 'Content-Type: text/xml' -d "$call" "$greeter"
check slash "$world" -H 'Content-Type: text/xml; charset=utf-8' -d "$call" "$greeter/"
check chunked "$world" -H 'Content-Type: text/xml' -H 'Transfer-Encoding: chunked' -d "$call" \
    "$greeter"
# Before a long body curl asks by itself whether it may come.
check expect "$world" -H 'Content-Type: text/xml' -H 'Expect: 100-continue' -d "$call" "$greeter"
check 'http/1.0' "$world" --http1.0 -H 'Content-Type: text/xml' -d "$call" "$greeter"
check pages 'ok' --fail "$base/health"
check query '# TYPE' "$base/metrics?x=1"
check head '200 0' --head -o /dev/null -w '%{http_code} %{size_download}' "$base/health"
# The second page comes over the connection of the first.
check kept '1 0 ' -o /dev/null -o /dev/null -w '%{num_connects} ' "$base/health" "$base/status"
