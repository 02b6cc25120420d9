#!/usr/bin/env bash
# Reports one use of a model with the nats command line (https://github.com/nats-io/natscli), and asks until it is charged.
#
#   examples/shell/report.sh nats://127.0.0.1:29050 .tollbooth/broker/reporter-chat.nk alice chat-8
set -euo pipefail

broker=$1 seed=$2 user=$3 event=$4
source=chat
as=(nats --server "$broker" --nkey "$seed" --inbox-prefix "_INBOX_reporter-$source")

report="{\"user_id\": \"$user\", \"event_id\": \"$event\", \"service\": \"chat\", \"cost\": \"0.25\"}"
question="{\"source\": \"$source\", \"events\": [{\"user_id\": \"$user\", \"event_id\": \"$event\"}]}"

# Sending again is harmless: the same event_id is charged once. The broker's own "stored" would prove nothing.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  "${as[@]}" publish "usage.report.$source" "$report" >/dev/null
  sleep 1
  answer=$("${as[@]}" request --raw usage.event.outcomes "$question")
  case $answer in
    *'"applied"'*) echo "applied" && exit 0 ;;
    *'"dead"'* | *'"rejected"'*) echo "not charged: $answer" && exit 1 ;;
  esac
done
echo "not confirmed yet: keep the event and send it again later"
exit 1
