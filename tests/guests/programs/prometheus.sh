#!/bin/sh
# Lets a real Prometheus scrape /metrics of all processes: their addresses are in PAGES.
#
#     PAGES="127.0.0.1:4100 127.0.0.1:4180" sh prometheus.sh
folder=$(mktemp -d)
targets=$(echo "$PAGES" | sed "s/ /', '/g")
cat > "$folder/prometheus.yml" <<END
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
  - {job_name: ponte, static_configs: [{targets: ['$targets']}]}
END
port=$(python3 -c 'import socket
free = socket.create_server(("127.0.0.1", 0))
print(free.getsockname()[1])')
prometheus --config.file "$folder/prometheus.yml" --storage.tsdb.path "$folder/data" \
    --web.listen-address "127.0.0.1:$port" > "$folder/log" 2>&1 &
started=$!
trap 'kill "$started"; wait "$started"; rm -r "$folder"' EXIT

# Until it has seen all of them up.
wanted=$(echo "$PAGES" | wc -w)
for _ in $(seq 100); do
    seen=$(promtool query instant "http://127.0.0.1:$port" 'sum(up)' 2>/dev/null)
    case $seen in *"=> $wanted @"*) echo 'ok scrape'; exit ;; esac
    sleep 0.1
done
echo "FAILED scrape: $seen of $wanted are up"
cat "$folder/log"
