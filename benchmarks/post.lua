-- A request like our engine's: the same length, as many headers, and a signature that nobody checks.
wrk.method = "POST"
wrk.path = wrk.path .. "/@connections/L0SM9c00000000w%3D"
wrk.body = string.rep("x", 250)
wrk.headers["x-amz-date"] = "20260101T000000Z"
wrk.headers["x-amz-security-token"] = string.rep("t", 900)
wrk.headers["authorization"] = "AWS4-HMAC-SHA256 " .. string.rep("a", 220)
