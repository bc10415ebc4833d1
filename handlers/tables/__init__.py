"""The DynamoDB tables: connections, messages and members, and the AWS clients that reach them."""
