#!/usr/bin/env bash
# A local Apache Kafka (KRaft, one node, plaintext on 127.0.0.1) without docker. Needs a JDK 17+ and Maven.
#
#   kafka.sh fetch                                            fetch the jars once
#   kafka.sh run [--dir D] [--port P] [--controller-port C]   run in the foreground; Ctrl-C or SIGTERM stops it
#            [--leashed]                                      ends when standard input does (for tests)
#            [--extra FILE] [--scram USER=PASSWORD]           further server properties; a user for SASL SCRAM-SHA-256
#
# Jars are kept in $PLUMBLINE_KAFKA_CACHE (default ~/.cache/plumbline/kafka), data in D (default ./.kafka).
# D is formatted on first use and reused afterwards, so a killed broker restarts with what it had.
# Needs KAFKA_HEAP (default 512m) of memory; KAFKA_LOG_LEVEL (default WARN) on standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PLUMBLINE_KAFKA_CACHE:-$HOME/.cache/plumbline/kafka}
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
libs=$cache/$version

fetch() {
    [ -e "$libs/.complete" ] && return
    # Fetched beside and renamed: an interrupted download is never taken for a whole one.
    local fresh=$libs.$$
    mkdir -p "$fresh"
    echo "fetching Apache Kafka $version by Maven into $libs" >&2
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fresh" >&2
    touch "$fresh/.complete"
    mv -T "$fresh" "$libs" 2>/dev/null || rm -rf "$fresh" # another run was faster
    [ -e "$libs/.complete" ]
}

run() {
    local dir=$PWD/.kafka port=9092 controller=9093 leashed= extra= scram=()
    while [ $# -gt 0 ]; do
        case $1 in
            --leashed) leashed=1; shift; continue ;;
            --dir) dir=$2 ;;
            --port) port=$2 ;;
            --controller-port) controller=$2 ;;
            --extra) extra=$2 ;;
            --scram) scram=(--add-scram "SCRAM-SHA-256=[name=${2%%=*},password=${2#*=}]") ;;
            *) echo "unknown option $1" >&2; exit 64 ;;
        esac
        shift 2
    done
    fetch
    mkdir -p "$dir"
    cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=500
PROPERTIES
    # Of a property named twice the last counts.
    [ -z "$extra" ] || cat "$extra" >>"$dir/server.properties"
    local java=("${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$libs/*" "-Xmx${KAFKA_HEAP:-512m}" -XX:+UseSerialGC
        -Djava.awt.headless=true "-Dlog4j2.configurationFile=$here/log4j2.xml")
    if [ ! -e "$dir/data/meta.properties" ]; then
        local id
        id=$("${java[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool random-uuid)
        "${java[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format --standalone -t "$id" \
            -c "$dir/server.properties" ${scram[@]+"${scram[@]}"} >&2
    fi
    [ -n "$leashed" ] || exec "${java[@]}" kafka.Kafka "$dir/server.properties"
    # However its owner dies, the pipe closes and the broker goes with it.
    "${java[@]}" kafka.Kafka "$dir/server.properties" </dev/null &
    echo $! >"$dir/pid"
    cat >/dev/null
    kill "$(cat "$dir/pid")" 2>/dev/null || true
    wait
}

case ${1:-} in
    fetch) fetch ;;
    run) shift; run "$@" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac
