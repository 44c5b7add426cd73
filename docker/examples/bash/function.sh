# What it prints is the answer; what is for the log goes to standard error.
handler() {
  echo "handling $1" >&2
  [[ $1 != *fail* ]] || return 1
  echo "{\"length\": ${#1}}"
}
