#!/usr/bin/env bash
# How long from an event on its Kafka topic until the board knows of it, at a steady rate: through intake, the log and
# the engine of one process, over an Apache Kafka of its own.
#
#   benches/event-to-board.sh [EVENTS_PER_SECOND [SECONDS]]      default: 1000 for 30 s; builds the release binary
#   PLUMBLINE=target/debug/plumbline benches/event-to-board.sh   with this binary
#
# Four times a second one of the events bears a source that nobody has named before: timed from its sending to the first
# answer of /api/v1/workspaces/default/data that names it. Needs java 17, mvn, kcat and python3.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in java mvn kcat python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
if [ -z "${PLUMBLINE:-}" ]; then
    cargo build --release --locked -p plumbline
    PLUMBLINE=target/release/plumbline
fi
plumbline=$(realpath "$PLUMBLINE")
kafka=${PLUMBLINE_BENCH_PORT:-29392} # and the two above it: controller, board
work=$(mktemp -d)
jobs=()
finish() {
    for job in "${jobs[@]}"; do kill "$job" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap finish EXIT

deploy/kafka/kafka.sh run --port "$kafka" --controller-port $((kafka + 1)) --dir "$work/kafka" >"$work/kafka.log" 2>&1 &
jobs+=($!)
cp deploy/examples/plan.toml "$work/plan.toml"
cat >"$work/plumbline.toml" <<TOML
plan = "plan.toml"
[kafka]
"bootstrap.servers" = "127.0.0.1:$kafka"
[topics]
create = true
create_inputs = true
[http]
listen = "127.0.0.1:$((kafka + 2))"
TOML
for _ in $(seq 120); do
    kcat -b "127.0.0.1:$kafka" -L -m 5 >/dev/null 2>&1 && break
    sleep 1
done
(cd "$work" && exec "$plumbline" run --config plumbline.toml 2>"$work/run.log") &
jobs+=($!)

python3 - "127.0.0.1:$kafka" "http://127.0.0.1:$((kafka + 2))" "${1:-1000}" "${2:-30}" <<'PY'
import datetime, json, subprocess, sys, threading, time, urllib.request

broker, board, rate, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = board + "/api/v1/workspaces/default/data"


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


for _ in range(120):
    try:
        get(data)
        break
    except OSError:
        time.sleep(1)
else:
    sys.exit("the board does not answer")

sent, seen = {}, {}
done = threading.Event()


def watch():
    while not done.is_set():
        sources = {stream["source"] for stream in json.loads(get(data))["streams"]}
        now = time.monotonic()
        for source in sources:
            if source in sent:
                seen.setdefault(source, now)
        time.sleep(0.02)


watcher = threading.Thread(target=watch)
watcher.start()
# Each line is a message, sent as it comes.
out = subprocess.Popen(
    ["kcat", "-b", broker, "-t", "crm.leads", "-P", "-X", "linger.ms=5"], stdin=subprocess.PIPE, text=True
)
begun = time.monotonic()
total = rate * seconds
for n in range(total):
    late = begun + n / rate - time.monotonic()
    if late > 0:
        out.stdin.flush()
        time.sleep(late)
    probe = n % (rate // 4) == 0
    source = f"probe-{n}" if probe else "crm"
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    event = {
        "type": "lead.created",
        "lead_id": f"L-{n}",
        "occurred_at": now,
        "source": source,
        "attributes": {"segment": "smb", "channel": "search"},
    }
    out.stdin.write(json.dumps(event) + "\n")
    if probe:
        out.stdin.flush()
        sent[source] = time.monotonic()
out.stdin.close()
out.wait()
took = time.monotonic() - begun
until = time.monotonic() + 20
while len(seen) < len(sent) and time.monotonic() < until:
    time.sleep(0.05)
done.set()
watcher.join()
times = sorted(seen[source] - sent[source] for source in seen)
if len(times) < len(sent):
    sys.exit(f"{len(sent) - len(times)} of {len(sent)} never came")
at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
print(
    f"{total} events at {total / took:.0f}/s, {len(times)} timed: "
    f"median {at(0.5):.2f} s, nine of ten {at(0.9):.2f} s, longest {times[-1]:.2f} s"
)
PY
