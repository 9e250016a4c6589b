set -eu
case $1 in
break)
    ;;
heal)
    ;;
esac
