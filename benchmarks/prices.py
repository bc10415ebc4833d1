"""Prices and quotas of AWS that the computed figures use."""

# Prices of us-east-1 in dollars, on demand, without the free tier.
# https://aws.amazon.com/api-gateway/pricing/ https://aws.amazon.com/lambda/pricing/
# https://aws.amazon.com/dynamodb/pricing/on-demand/
FRAME = 1.00e-6
CONNECTION_MINUTE = 0.25e-6
INVOCATION = 0.20e-6
GB_SECOND = 0.0000133334
READ_UNIT = 0.125e-6
WRITE_UNIT = 0.625e-6

# Quotas of an account in a region. Newer regions have 2,500 requests/s.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
REQUESTS_PER_S = 10_000
CONNECTS_PER_S = 500
CONCURRENCY = 1_000
# Of a partition key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
READ_UNITS_PER_S = 3_000
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_PER_CORE = 1_769
