#!/usr/bin/env bash
# Takes the pictures of docs/pictures anew, from real runs: a service over an Apache Kafka of its own for three
# workspaces (one on plan, one that drifts and is acknowledged, one too young to say), and a demo whose CRM falls silent.
#
#   docs/pictures.sh                           builds the release binary, takes some two minutes beyond that
#   PLUMBLINE=target/debug/plumbline docs/pictures.sh    with this binary
#
# Needs java 17, mvn, chromium, kcat, jq, curl and python3 with Pillow (PYTHON names another python3). Dates are counted
# back from today, so pictures taken on another day show other days and, the weekdays lying otherwise, other numbers.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in java mvn chromium kcat jq curl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
python=${PYTHON:-python3}
"$python" -c 'import PIL' || { echo "Pillow is missing: pip install pillow" >&2; exit 1; }
if [ -z "${PLUMBLINE:-}" ]; then
    cargo build --release --locked -p plumbline
    PLUMBLINE=target/release/plumbline
fi
plumbline=$(realpath "$PLUMBLINE")
pictures=$PWD/docs/pictures
kafka=${PLUMBLINE_PICTURES_PORT:-29192}  # and the three above it: controller, service, demo
service=127.0.0.1:$((kafka + 2)) demo=127.0.0.1:$((kafka + 3))

work=$(mktemp -d)
jobs=()
finish() {
    for job in "${jobs[@]}"; do kill "$job" 2>/dev/null || true; done
    wait
    [ -n "$failed" ] || rm -rf "$work"
}
failed=
trap finish EXIT
trap 'failed=yes; echo "failed at line $LINENO: see $work" >&2' ERR
export PLUMBLINE_TOKEN=pictures

# until_said SECONDS WHAT COMMAND…: waits until the command succeeds.
until_said() {
    local left=$1 what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "waited in vain for $what" >&2; return 1; }
        sleep 1
    done
}

# picture NAME WIDTH,HEIGHT URL
picture() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "--window-size=$2" \
        "--screenshot=$work/$1.png" "$3" >/dev/null 2>&1
    "$python" - "$work/$1.png" "$pictures/$1.png" <<'PY'
import sys
from PIL import Image
# A page has few colours: a palette makes a picture a third of its size.
Image.open(sys.argv[1]).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(sys.argv[2], optimize=True)
PY
    echo "took docs/pictures/$1.png"
}

# company WORKSPACE DAYS generate's options…: its plan, and its events with the workspace in them.
company() {
    local name=$1 days=$2
    shift 2
    "$plumbline" -q generate --start "$(date -u -d "-$days days" +%F)" --days "$days" "$@" \
        -o "$work/$name.raw" --plan "$work/$name.toml" --truth "$work/$name.json"
    jq -c ".workspace = \"$name\"" "$work/$name.raw" >"$work/$name.jsonl"
}

company steady 110 --scenario steady --seed 2 --leads-per-day 120 --segments smb=0.75,mid=0.25
company trap 110 --scenario lead-quality-trap --seed 2 --onset "$(date -u -d '-24 days' +%F)" \
    --leads-per-day 120 --segments smb=0.75,mid=0.25
company young 9 --scenario steady --leads-per-day 12 --segments smb=0.75,mid=0.25

deploy/kafka/kafka.sh run --port "$kafka" --controller-port $((kafka + 1)) --dir "$work/kafka" 2>"$work/kafka.log" &
jobs+=($!)

# The demo meanwhile: its CRM was last heard on the evening of 17 March.
"$plumbline" -q generate --scenario silent-source --start 2026-01-05 --days 80 --onset 2026-03-18 \
    --leads-per-day 120 --segments smb=0.75,mid=0.25 \
    -o "$work/silent.raw" --plan "$work/silent.toml" --truth "$work/silent.json"
jq -c 'select((.received_at // .occurred_at) < "2026-03-19T12:00:00Z")' "$work/silent.raw" >"$work/silent.jsonl"
"$plumbline" -q demo --listen "$demo" --plan "$work/silent.toml" --events "$work/silent.jsonl" >"$work/demo.log" 2>&1 &
jobs+=($!)

cat >"$work/plumbline.toml" <<TOML
[workspace.steady]
plan = "$work/steady.toml"
[workspace.trap]
plan = "$work/trap.toml"
[workspace.young]
plan = "$work/young.toml"
[kafka]
"bootstrap.servers" = "127.0.0.1:$kafka"
[topics]
leads = ["crm.leads"]
opportunities = ["crm.opportunities"]
spend = ["ads.spend"]
create_inputs = true
[engine]
checkpoint_dir = "$work/checkpoints"
[http]
listen = "$service"
token = { env = "PLUMBLINE_TOKEN" }
TOML
until_said 120 "Kafka" kcat -b "127.0.0.1:$kafka" -L -m 5
"$plumbline" doctor --config "$work/plumbline.toml" --create-topics >"$work/doctor.log" 2>&1
for company in steady trap young; do
    for pair in lead.=crm.leads opportunity.=crm.opportunities spend.=ads.spend; do
        # The young company has no opportunity yet.
        { grep -F "\"type\":\"${pair%%=*}" "$work/$company.jsonl" || true; } |
            kcat -b "127.0.0.1:$kafka" -t "${pair##*=}" -P
    done
done
"$plumbline" run --config "$work/plumbline.toml" 2>"$work/run.log" &
jobs+=($!)

judged() { curl -sf "http://$service/api/v1/workspaces" | jq -e '[.workspaces[] | select(.closed)] | length == 3'; }
until_said 240 "the first verdicts" judged
trap_alert() {
    curl -sf "http://$service/api/v1/workspaces/trap/episodes" |
        jq -er '[.episodes[] | select(.state != "resolved" and .severity == "critical")][0].alert_id'
}
until_said 120 "the alert" trap_alert
alert=$(trap_alert)
picture board-on-plan 1280,1500 "http://$service/w/steady"
picture board-drifting 1280,1920 "http://$service/w/trap"
picture board-phone 360,1240 "http://$service/w/trap"
picture board-not-enough-evidence 1280,910 "http://$service/w/young"
picture episode 1100,2250 "http://$service/e/$alert"
"$plumbline" -q ack "$alert" --function sales --note "audit of 40 hand-offs on Friday" -c "$work/plumbline.toml"
curl -sf -X POST "http://$service/api/v1/episodes/$alert/acknowledge" -H "Authorization: Bearer $PLUMBLINE_TOKEN" \
    -H 'Content-Type: application/json' -d '{"function":"marketing","note":"paid_social paused"}'
known() { curl -sf "http://$service/api/v1/episodes/$alert" | jq -e 'tostring | test("\"state\":\"acknowledged\"")'; }
until_said 120 "the acknowledgement" known
picture board-acknowledged 1280,605 "http://$service/w/trap"

silent() { curl -sf "http://$demo/api/v1/workspaces" | jq -e '.workspaces[0].data_problems == 1'; }
until_said 240 "the silence" silent
picture board-data-unhealthy 1280,965 "http://$demo/w/default"
picture data 1100,640 "http://$demo/w/default/data"
