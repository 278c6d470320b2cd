-- Requests for wrk: load.lua -- KIND MOVIES. Prints one line: RESULT requests microseconds p50 p99 failures.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local json = { ["Content-Type"] = "application/json" }

-- The word that the seed puts into the title of the n-th movie, and into no other.
local function word(n)
    return string.format("%08x", (n * 2654435761) % 4294967296)
end

local kinds = {
    read = function(movies)
        return wrk.format("GET", "/api/movies/" .. math.random(1, movies))
    end,
    search = function(movies)
        return wrk.format("GET", "/api/movies?title=" .. word(math.random(1, movies)))
    end,
    page = function(movies)
        return wrk.format("GET", "/api/movies?limit=100&after=" .. math.random(1, math.max(1, movies - 100)))
    end,
    create = function()
        local body = '{"title":"Added ' .. word(math.random(1, 2 ^ 31)) .. '","description":"By the benchmark."}'
        return wrk.format("POST", "/api/movies", json, body)
    end,
    update = function(movies)
        local body = '{"description":"Changed ' .. math.random(1, 1000000) .. '"}'
        return wrk.format("PUT", "/api/movies/" .. math.random(1, movies), json, body)
    end,
    order = function()
        return wrk.format("POST", "/api/billing", json, '{"user_id":"20","number_of_items":"99","total_amount":"250.00"}')
    end,
}

function init(arguments)
    math.randomseed(os.time() + number * 7919)
    kind, movies = kinds[arguments[1]], tonumber(arguments[2])
    -- What wrk was told to send with each request.
    for name, value in pairs(wrk.headers) do
        json[name] = value
    end
end

function request()
    return kind(movies)
end

function done(summary, latency)
    local errors = summary.errors
    local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), failures))
end
