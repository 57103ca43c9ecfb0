#!/bin/sh
# Makes the secrets of compose.yaml, once: deploy/secrets.sh [FOLDER]. What is there already stays.
# The folder is closed to others; the files in it are readable, as the containers' user is another one.
set -eu
folder=${1:-secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

keep() { # keep NAME: standard input becomes that file, unless it is there
  if [ -e "$folder/$1" ]; then
    cat >/dev/null
    echo "$folder/$1 is there already"
  else
    cat >"$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "$folder/$1 was made"
  fi
}

openssl rand -hex 24 | keep postgres_password
printf 'postgresql://overheard:%s@database/overheard\n' "$(cat "$folder/postgres_password")" | keep database_url
openssl rand -base64 32 | tr '+/' '-_' | keep secret_key
openssl rand -base64 32 | tr '+/' '-_' | keep credentials_key
