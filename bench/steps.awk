# Reads an ftrace of many launches of sbx, one after the other, and prints where the time of one goes.
# Variables: sbx (the program's path), command (what it starts).
#
# Who takes part in a launch: sbx; launcher, its thread; idmap, a child that has the id map made; init, the
# launcher's child; target, init's child, which becomes the command. A phase ends with an event that only it ends
# with; the medians over all launches are printed.

function seconds_to_us(text) { return text * 1e6 }

# The phase called `name` ended now.
function end_phase(name) {
    if (!(name in order_of)) {
        order_of[name] = ++phase_count
        phase_name[phase_count] = name
    }
    value[name, ++sample_count[name]] = now - mark
    mark = now
}

# One that runs beside the others.
function note(name, us) {
    if (!(name in beside_of)) {
        beside_of[name] = ++beside_count
        beside_name[beside_count] = name
    }
    value[name, ++sample_count[name]] = us
}

function median(name, i, j, kept, count) {
    count = sample_count[name]
    for (i = 2; i <= count; i++) {
        kept = value[name, i]
        for (j = i - 1; j >= 1 && value[name, j] > kept; j--)
            value[name, j + 1] = value[name, j]
        value[name, j + 1] = kept
    }
    return count % 2 ? value[name, (count + 1) / 2] : (value[name, count / 2] + value[name, count / 2 + 1]) / 2
}

function field(key, text) {
    if (!match(text, key "=[^ ]*"))
        return ""
    return substr(text, RSTART + length(key) + 1, RLENGTH - length(key) - 1)
}

function start_launch() {
    launches++
    role[pid] = "sbx"
    supervisor = pid
    began = mark = left[pid] = now
    stage = 1
    has_launcher = 0
    split("", spent)
    split("", calls)
}

# What this launch spent is kept: what another process of the machine took of one call shall not count, so medians.
function end_launch(key) {
    note("all of it", now - began)
    whole++
    for (key in spent) {
        while (sample_count[key] < whole - 1)
            value[key, ++sample_count[key]] = 0
        value[key, ++sample_count[key]] = spent[key]
        all_calls[key] += calls[key]
    }
    stage = 0
}

function on_exec(text, file) {
    file = field("filename", text)
    if (file == sbx && role[pid] == "") {
        start_launch()
    } else if (role[pid] == "target" && file == command) {
        role[pid] = "command"
        end_phase("GO to the command's first instruction: its execve is announced, and done")
        stage = 8
    }
}

function on_fork(text, parent, child) {
    parent = field("pid", text)
    child = field("child_pid", text)
    left[child] = now
    if (role[parent] == "sbx") {
        role[child] = has_launcher ? "idmap" : "launcher"
        has_launcher = 1
    } else if (role[parent] == "launcher") {
        role[child] = "init"
        born = now
        row_noted = 0
        end_phase("launcher: capabilities, namespaces, init is born (beside sbx, which makes the id map)")
        stage = 3
    } else if (role[parent] == "init") {
        role[child] = "target"
    }
}

function on_enter(who, name) {
    call[pid] = name
    entered[pid] = now
    if (left[pid] != "")
        spent[who, "(no call: code, faults)"] += now - left[pid]
    if (who == "sbx" && name ~ /^clone3?$/ && stage == 1) {
        end_phase("sbx starts: options, policy, plan, job")
        stage = 2
    } else if (who == "init" && name == "vfork" && stage == 3) {
        end_phase("init makes the view: mounts, private temp, masks")
        stage = 4
    } else if (who == "target" && name == "sendmsg" && stage == 4) {
        end_phase("target gives up: uid, Landlock, capabilities, filter")
        stage = 5
    } else if (who == "sbx" && (name == "poll" || name == "ppoll") && stage >= 3 && stage <= 5 && !row_noted) {
        note("sbx opens the database, the start row is durable (beside init and target)", now - born)
        row_noted = 1
    } else if (who == "sbx" && name == "sendto" && stage == 6) {
        end_phase("sbx: the watch listens")
        stage = 7
    } else if (who == "sbx" && name == "wait4" && stage == 10) {
        end_phase("sbx: usage, verdict, the end row is written (beside init's end)")
        committed = now
        stage = 11
    } else if (who == "command" && name == "exit_group" && stage == 8) {
        end_phase("the command itself")
        stage = 9
    } else if (who == "sbx" && name == "exit_group" && stage == 12) {
        end_phase("sbx: clean-up")
        stage = 13
    }
}

function on_leave(who, name) {
    name = call[pid]
    if (entered[pid] != "") {
        spent[who, name] += now - entered[pid]
        calls[who, name]++
        entered[pid] = ""
    }
    left[pid] = now
    if (who == "sbx" && name == "recvmsg" && stage == 5) {
        end_phase("READY reaches sbx, or waits for the start row")
        stage = 6
    } else if (who == "sbx" && name == "recvfrom" && stage == 9) {
        end_phase("init reaps, says how it ended")
        stage = 10
    } else if (who == "launcher" && name == "fdatasync" && stage >= 11) {
        note("launcher: the end row is durable (beside the clean-up)", now - committed)
    } else if (who == "sbx" && name == "wait4" && stage == 11) {
        end_phase("init has died with its namespaces")
        stage = 12
    }
}

/^#/ || !/\[[0-9][0-9][0-9]\]/ { next }

{
    at = match($0, /-[0-9]+ +\[[0-9]+\]/)
    if (at == 0)
        next
    pid = substr($0, at + 1)
    sub(/ .*/, "", pid)
    if (!match($0, / [0-9]+\.[0-9]+: /))
        next
    now = seconds_to_us(substr($0, RSTART + 1, RLENGTH - 3))
    what = substr($0, RSTART + RLENGTH)

    if (what ~ /^sched_process_exec:/) {
        on_exec(what)
    } else if (what ~ /^sched_process_fork:/) {
        on_fork(what)
    } else if (what ~ /^sched_process_exit:/) {
        if (pid == supervisor && stage == 13) {
            end_phase("sbx ends")
            end_launch()
        }
        if (role[pid] != "")
            role[pid] = entered[pid] = left[pid] = ""
    } else if (role[pid] != "" && what ~ /^sys_[a-z0-9_]+\(/) {
        on_enter(role[pid], substr(what, 5, index(what, "(") - 5))
    } else if (role[pid] != "" && what ~ /^sys_[a-z0-9_]+ ->/) {
        on_leave(role[pid])
    }
}

END {
    if (whole == 0) {
        print "no whole launch of " sbx " is in the trace" > "/dev/stderr"
        exit 1
    }
    printf "medians over %d launches, in microseconds\n\n", whole
    for (i = 1; i <= phase_count; i++) {
        printf "%8.0f  %s\n", median(phase_name[i]), phase_name[i]
        for (j = 1; j <= beside_count; j++)
            if (phase_name[i] ~ /^launcher/ && beside_name[j] ~ /^sbx/ || phase_name[i] ~ /clean-up/ && beside_name[j] ~ /^launcher/)
                printf "  (%5.0f  %s)\n", median(beside_name[j]), beside_name[j]
    }
    printf "%8.0f  %s\n", median("all of it"), "all of it, from sbx's execve to its end"

    print "\nsystem calls of one launch: how many, microseconds in all (medians)\n"
    for (key in all_calls) {
        while (sample_count[key] < whole)
            value[key, ++sample_count[key]] = 0
        total[key] = median(key)
        list[++count] = key
    }
    for (i = 2; i <= count; i++) {
        kept = list[i]
        for (j = i - 1; j >= 1 && total[list[j]] < total[kept]; j--)
            list[j + 1] = list[j]
        list[j + 1] = kept
    }
    for (i = 1; i <= count && total[list[i]] >= 2; i++) {
        split(list[i], part, SUBSEP)
        waits = part[2] ~ /^(poll|ppoll|wait4|waitid|recvmsg|recvfrom|vfork|pause|futex)$/
        if (part[2] ~ /^\(/)
            printf "  %-8s %-24s        %8.0f\n", part[1], part[2], total[list[i]]
        else
            printf "  %-8s %-24s %6.1f %8.0f%s\n", part[1], part[2], all_calls[list[i]] / whole, total[list[i]],
                waits ? "  waits for others" : ""
    }
}
