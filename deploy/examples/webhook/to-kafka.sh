#!/bin/sh
# Puts one batch of notifications, given as the first argument, on the input topics. The webhook is answered with an error
# unless Kafka has taken all of it, so that its sender tries again: what comes twice counts once.
set -eu
here=$(dirname "$0")
broker=${KAFKA:-localhost:9092}
events=$(printf '%s' "$1" | jq -c --from-file "$here/hubspot.jq")
for pair in lead=crm.leads opportunity=crm.opportunities; do
    some=$(printf '%s\n' "$events" | grep "^{\"type\":\"${pair%%=*}\." || true)
    [ -z "$some" ] || printf '%s\n' "$some" | kcat -P -b "$broker" -t "${pair##*=}" -X acks=all
done
