# Sourced by the other scripts: packages of Debian and its kin.

# May this process install Debian packages without asking anyone?
can_apt() {
  [[ "$(id -u)" -eq 0 ]] && command -v apt-get >/dev/null
}

# apt_install PACKAGE...: installs without a question; false if a package cannot be had.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends "$@" </dev/null >/dev/null 2>&1 && return
  apt-get update </dev/null >/dev/null 2>&1 || true
  apt-get install -y --no-install-recommends "$@" </dev/null
}

# apt_extract PACKAGE PATH FOLDER: one program of a package, which is not installed: the package of
# a server would start it.
apt_extract() {
  local place
  place="$(mktemp -d)"
  chmod 755 "$place"
  (
    cd "$place"
    apt-get download "$1" </dev/null >/dev/null 2>&1 ||
      { apt-get update </dev/null >/dev/null 2>&1; apt-get download "$1" </dev/null >/dev/null 2>&1; }
  ) && dpkg-deb --fsys-tarfile "$place"/"$1"_*.deb | tar -x -C "$place" "./$2" &&
    install -m 755 "$place/$2" "$3/"
  local status=$?
  rm -rf "$place"
  return "$status"
}
