#!/usr/bin/env bash
# Gives Causeway its identities in two workspaces, and each of them the least that it needs.
#
# Run it as an admin of both workspaces and of both metastores, once for each project. It needs bash and curl, and is
# safe to repeat: what is there already is left as it is. `causeway demo` runs this same file against the sandbox.
#
#   DEV_HOST=https://…  DEV_TOKEN=…    the workspace where models are made (the provider), and an admin's token for it
#   PROD_HOST=https://… PROD_TOKEN=…   the workspace where they serve (the consumer), and an admin's token for it
#   PROJECT=bikes                      the team; its runner gets a schema of this name
#   CATALOG=main                       the catalog, in both workspaces, that holds the team's schema
#   ENV_FILE=causeway.env              where ids and secrets are written, as NAME=value, readable by you alone
#
# Control is Causeway itself and never runs a team's code. The runner runs it, and may nothing beside.
set -euo pipefail
: "${DEV_HOST:?is missing}" "${DEV_TOKEN:?is missing}" "${PROD_HOST:?is missing}" "${PROD_TOKEN:?is missing}"
PROJECT=${PROJECT:-bikes} CATALOG=${CATALOG:-main} ENV_FILE=${ENV_FILE:-causeway.env}
UC=/api/2.1/unity-catalog
SCIM=/api/2.0/preview/scim/v2/ServicePrincipals
RULES=/api/2.0/preview/accounts/access-control/rule-sets

main() {
  umask 077
  touch "$ENV_FILE" && chmod 600 "$ENV_FILE"
  provider
  consumer
  echo "Written to $ENV_FILE, secrets included: $(sed 's/=.*//' "$ENV_FILE" | tr '\n' ' ')"
}

provider() {
  enter DEV
  foundation
  catalog causeway_shareable
  # The vetted copies lie in schemas that control makes here. It owns the catalog, and the schema that came with it, so
  # that nobody else may write, and that it is told who else could: the platform tells that to owners alone.
  own catalogs causeway_shareable "$control"
  if is_there "$UC/schemas/causeway_shareable.default"; then own schemas causeway_shareable.default "$control"; fi
  # Also what somebody else has put there is shown to it.
  grant catalog causeway_shareable "$control" USE_SCHEMA EXECUTE
  # A share carries the vetted copies to an audience.
  grant metastore "$metastore" "$control" CREATE_SHARE
  # A recipient stands for the consumer's metastore.
  grant metastore "$metastore" "$control" CREATE_RECIPIENT
  # It finds the recipient that somebody made before: a metastore can have one only.
  grant metastore "$metastore" "$control" USE_RECIPIENT
  # It reads the signature of a version, and copies its files, before it publishes.
  grant schema "$CATALOG.$PROJECT" "$control" EXECUTE
  # The training job registers the team's models, which the runner then owns.
  grant schema "$CATALOG.$PROJECT" "$runner" CREATE_MODEL
}

consumer() {
  enter PROD
  foundation
  # It finds the provider by its sharing identifier, and the provider's shares.
  grant metastore "$metastore" "$control" USE_PROVIDER
  # It makes a catalog from a share, and owns it: so it may grant the runner EXECUTE, and serve from it.
  grant metastore "$metastore" "$control" CREATE_CATALOG
}

# What both workspaces have: two identities, a volume of control's own, and the team's volume.
foundation() {
  principal causeway-control
  control=$application_id
  secret "$id"
  note CONTROL_ID "$control"
  principal "causeway-runner-$PROJECT"
  runner=$application_id
  note "RUNNER_$PROJECT" "$runner"
  # A job of a team is started by control, and runs as the team's runner.
  let_use "$control" "$runner"

  catalog causeway
  schema causeway control
  volume causeway control files
  # Its own volume, where it keeps the wheel that jobs run and the copy job's parameters and results, and the way there.
  grant catalog causeway "$control" USE_CATALOG
  grant schema causeway.control "$control" USE_SCHEMA
  own volumes causeway.control.files "$control"
  # A job reads the wheel with the runner's rights; only control may change it.
  grant catalog causeway "$runner" USE_CATALOG
  grant schema causeway.control "$runner" USE_SCHEMA
  grant volume causeway.control.files "$runner" READ_VOLUME

  catalog "$CATALOG"
  schema "$CATALOG" "$PROJECT"
  volume "$CATALOG" "$PROJECT" files
  # It lays down parameters and rows for the team's jobs, and reads their results.
  grant catalog "$CATALOG" "$control" USE_CATALOG
  grant schema "$CATALOG.$PROJECT" "$control" USE_SCHEMA
  grant volume "$CATALOG.$PROJECT.files" "$control" READ_VOLUME WRITE_VOLUME
  # The team's data is here, and the jobs' parameters and results.
  grant catalog "$CATALOG" "$runner" USE_CATALOG
  grant schema "$CATALOG.$PROJECT" "$runner" USE_SCHEMA
  grant volume "$CATALOG.$PROJECT.files" "$runner" READ_VOLUME WRITE_VOLUME
}

# Everything below is one request or two.

enter() { # DEV or PROD: where the calls that follow go to
  local host=$1_HOST token=$1_TOKEN
  workspace=$1 host=${!host} token=${!token}
  HOST=${host%/} TOKEN=$token
  metastore=$(call GET $UC/metastore_summary | text metastore_id)
  account=$(call GET /.well-known/databricks-config | text account_id)
  echo "$HOST (metastore $metastore)"
}

call() { # METHOD PATH [BODY]: the answer; a refusal is shown and ends the script. No token is seen in a list of processes.
  curl --silent --show-error --fail-with-body --request "$1" "$HOST$2" \
    --header @<(printf 'Authorization: Bearer %s' "$TOKEN") \
    --header 'Content-Type: application/json' ${3:+--data "$3"} ||
    { echo "  $1 $HOST$2 was refused." >&2; return 1; }
}

text() { # NAME: the first "NAME": "…" in the JSON on standard input
  local json pattern
  json=$(cat) pattern="\"$1\": *\"([^\"]*)\""
  [[ $json =~ $pattern ]] || { echo "  no $1 in: $json" >&2; return 1; }
  printf '%s' "${BASH_REMATCH[1]}"
}

is_there() { # PATH
  curl --silent --fail --output /dev/null "$HOST$1" --header @<(printf 'Authorization: Bearer %s' "$TOKEN")
}

note() { # NAME VALUE: keep it in the file under the workspace's name, once
  if grep -qxF "${workspace}_$1=$2" "$ENV_FILE"; then return; fi
  sed "/^${workspace}_$1=/d" "$ENV_FILE" >"$ENV_FILE.new"
  echo "${workspace}_$1=$2" >>"$ENV_FILE.new"
  mv "$ENV_FILE.new" "$ENV_FILE"
}

principal() { # NAME: the service principal of this name, made if there is none
  local found
  found=$(call GET "$SCIM?filter=displayName%20eq%20%22$1%22")
  if [[ $found != *'"applicationId"'* ]]; then
    found=$(call POST $SCIM "{\"displayName\": \"$1\", \"entitlements\": [{\"value\": \"workspace-access\"}]}")
  fi
  application_id=$(text applicationId <<<"$found") id=$(text id <<<"$found")
  echo "  service principal $1: $application_id"
}

secret() { # ID: an OAuth secret, unless the file holds one already; the platform shows it this once
  if ! grep -q "^${workspace}_CONTROL_SECRET=" "$ENV_FILE"; then
    note CONTROL_SECRET "$(call POST "/api/2.0/accounts/servicePrincipals/$1/credentials/secrets" | text secret)"
    echo "  a new OAuth secret"
  fi
}

let_use() { # USER USED: the role roles/servicePrincipal.user of the one on the other, beside the rules that are there
  local name=accounts/$account/servicePrincipals/$2/ruleSets/default role=roles/servicePrincipal.user
  local user=servicePrincipals/$1 rules has_rules='"grant_rules": *\['
  local rule="{\"role\": \"$role\", \"principals\": [\"$user\"]}"
  rules=$(call GET "$RULES?name=${name//\//%2F}&etag=")
  if [[ $rules =~ $role\"[^{}]*$user\" || $rules =~ $user\"[^{}]*$role\" ]]; then return; fi
  if [[ $rules =~ $has_rules ]]; then
    rules=${rules/"${BASH_REMATCH[0]}"/"${BASH_REMATCH[0]}$rule, "}
  else
    rules="${rules%\}}, \"grant_rules\": [$rule]}"
  fi
  call PUT $RULES "{\"name\": \"$name\", \"rule_set\": $rules}" >/dev/null
  echo "  $1 may run jobs as $2"
}

catalog() { # NAME. Where the metastore has no storage of its own, make the catalogs by hand first.
  is_there "$UC/catalogs/$1" || call POST $UC/catalogs "{\"name\": \"$1\"}" >/dev/null
}

schema() { # CATALOG NAME
  is_there "$UC/schemas/$1.$2" || call POST $UC/schemas "{\"catalog_name\": \"$1\", \"name\": \"$2\"}" >/dev/null
}

volume() { # CATALOG SCHEMA NAME
  is_there "$UC/volumes/$1.$2.$3" || call POST $UC/volumes \
    "{\"catalog_name\": \"$1\", \"schema_name\": \"$2\", \"name\": \"$3\", \"volume_type\": \"MANAGED\"}" >/dev/null
}

own() { # KINDS NAME PRINCIPAL: it belongs to the principal from now on
  call PATCH "$UC/$1/$2" "{\"owner\": \"$3\"}" >/dev/null
  echo "  ${1%s} $2 belongs to $3"
}

grant() { # KIND NAME PRINCIPAL PRIVILEGE…
  local kind=$1 name=$2 principal=$3 privileges
  shift 3
  privileges=$(printf ', "%s"' "$@")
  call PATCH "$UC/permissions/$kind/$name" \
    "{\"changes\": [{\"principal\": \"$principal\", \"add\": [${privileges:2}]}]}" >/dev/null
  echo "  $* on $kind $name to ${principal}"
}

main
