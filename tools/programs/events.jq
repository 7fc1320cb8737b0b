# SPDX-License-Identifier: MIT
# A log of events: made, grouped, summed, and turned into text and back.
[range(60000) | {id: ., user: "user \(. * 7919 % 997)", kind: ["open", "read", "write", "close"][. % 4], size: (. * 31 % 4096)}]
| group_by(.user)
| map({user: .[0].user, events: length, bytes: (map(.size) | add),
       kinds: (group_by(.kind) | map({key: .[0].kind, value: length}) | from_entries)})
| sort_by(-.bytes)
| tojson | fromjson
| (.[0:3], length)
