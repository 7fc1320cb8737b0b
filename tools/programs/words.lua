-- SPDX-License-Identifier: MIT
-- Tables and strings that come and go: an index of made-up words, closures, sorting, and text put together.
local seed = 42
local function random(limit)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % limit + 1
end

local syllables = { "ka", "lo", "mi", "ter", "un", "sa", "pol", "eth", "ri", "vo" }
local function word()
  local parts = {}
  for i = 1, random(4) do parts[i] = syllables[random(#syllables)] end
  return table.concat(parts)
end

local index = {}
for line = 1, 60000 do
  for _ = 1, 4 do
    local w = word()
    local places = index[w]
    if not places then
      places = {}
      index[w] = places
    end
    places[#places + 1] = { line = line, mark = function() return w .. ":" .. line end }
  end
  if line % 20000 == 0 then -- and a part of it goes again
    for w in pairs(index) do
      if random(3) == 1 then index[w] = nil end
    end
  end
end

local words = {}
for w in pairs(index) do words[#words + 1] = w end
table.sort(words)
local report = {}
for i, w in ipairs(words) do
  local places = index[w]
  report[i] = w .. " " .. #places .. " " .. places[#places].mark()
end
print(#words, #table.concat(report, "\n"))
