# A batch of HubSpot's webhook notifications as canonical events: `jq -c --from-file hubspot.jq`. One line an event comes out.
# Which lifecycle stage is which stage of the plan, and which properties are its dimensions, is yours to say:
def stages: { marketingqualifiedlead: "mql", salesqualifiedlead: "sql" };
def dimensions: ["segment", "channel"];

def event($type): {
  type: $type,
  event_id: (.eventId | tostring),
  occurred_at: (.occurredAt / 1000 | todate),
  source: "hubspot"
};
def lead: { lead_id: (.objectId | tostring) };
def opportunity: { opportunity_id: (.objectId | tostring) };

# The program `webhook` puts a list that is the whole body under the name "root".
(if type == "object" then .root else . end)[]
| if .subscriptionType == "contact.creation" then event("lead.created") + lead
  elif .subscriptionType == "contact.deletion" then event("lead.deleted") + lead
  elif .subscriptionType == "contact.privacyDeletion" then event("lead.erased") + lead
  elif .subscriptionType == "contact.propertyChange" and .propertyName == "lifecyclestage" then
    stages[.propertyValue] as $stage | select($stage) | event("lead.stage_reached") + lead + { stage: $stage }
  elif .subscriptionType == "contact.propertyChange" and (.propertyName | IN(dimensions[])) then
    event("lead.attributes_changed") + lead + { attributes: { (.propertyName): .propertyValue } }
  elif .subscriptionType == "deal.creation" then event("opportunity.created") + opportunity
  elif .subscriptionType == "deal.propertyChange" and .propertyName == "dealstage" then
    { closedwon: "opportunity.won", closedlost: "opportunity.lost" }[.propertyValue] as $type
    | select($type) | event($type) + opportunity
  else empty end
