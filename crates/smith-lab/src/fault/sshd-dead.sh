# Nobody listens, nobody is logged in, and a reboot changes nothing.
set -eu
case $1 in
break)
    systemctl mask --now ssh.service
    pkill -KILL -x sshd || true
    ;;
heal)
    systemctl unmask ssh.service
    systemctl start ssh.service
    ;;
esac
