# The table of docs/routing-conf.md, which is the program's own, as entries of a manual page.

function roff(text) {
    gsub(/^ +| +$/, "", text)
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    while (match(text, /`[^`]*`/))
        text = substr(text, 1, RSTART - 1) "\\fB" substr(text, RSTART + 1, RLENGTH - 2) "\\fR" \
            substr(text, RSTART + RLENGTH)
    return text
}

function sentence(text) {
    return toupper(substr(text, 1, 1)) substr(text, 2) "."
}

/<!-- table -->/ { inside = 1; next }
/<!-- end -->/ { inside = 0 }
!inside || !/^\| [a-z]/ || /^\| setting / { next }
{
    split($0, cells, "|")
    for (i in cells)
        cells[i] = roff(cells[i])
    print ".TP\n.B " cells[2]
    print "\\&" sentence(cells[6])
    if (cells[4] != "")
        printf ".br\nValue: %s.%s%s\n", cells[4], cells[3] != "" ? " Default: " cells[3] "." : "",
            cells[5] == "restart" ? " A change needs a restart." : ""
}
