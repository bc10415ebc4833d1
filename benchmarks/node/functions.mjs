// The functions that most people use today, in Node with the AWS SDK. They speak the protocol of ../functions.py.
import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, QueryCommand } from "@aws-sdk/lib-dynamodb";

const [action] = process.argv.slice(2);
const { CALLBACK_URL, CONNECTIONS_TABLE, MESSAGES_TABLE } = process.env;
const tables = DynamoDBDocumentClient.from(new DynamoDBClient());
const posts = action === "send" && new ApiGatewayManagementApiClient({ endpoint: CALLBACK_URL });

async function send(event) {
  const { groupId, senderId, senderName = "", message: text } = JSON.parse(event.body);
  const timestamp = new Date().toISOString();
  const message = { messageId: randomUUID(), groupId, senderId, senderName, message: text, timestamp };
  await tables.send(new PutCommand({ TableName: MESSAGES_TABLE, Item: message }));
  const { Items } = await tables.send(
    new QueryCommand({
      TableName: CONNECTIONS_TABLE,
      IndexName: "GroupIdIndex",
      KeyConditionExpression: "groupId = :groupId",
      ExpressionAttributeValues: { ":groupId": groupId },
    }),
  );
  const Data = JSON.stringify({ action: "message", ...message });
  await Promise.all(
    Items.map(async ({ connectionId }) => {
      try {
        await posts.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data }));
      } catch (error) {
        if (error.$metadata?.httpStatusCode !== 410) throw error;
        await tables.send(new DeleteCommand({ TableName: CONNECTIONS_TABLE, Key: { connectionId } }));
      }
    }),
  );
  return { statusCode: 200 };
}

async function connect({ requestContext: { connectionId }, queryStringParameters: { userId, groupId } }) {
  const Item = { connectionId, userId, groupId, connectedAt: new Date().toISOString() };
  await tables.send(new PutCommand({ TableName: CONNECTIONS_TABLE, Item }));
  return { statusCode: 200 };
}

const handler = { send, connect }[action];
for await (const line of createInterface({ input: process.stdin })) {
  const { event, times } = JSON.parse(line);
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let n = 0; n < times; n++) await handler(event);
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ wall: wall / times, cpu: (user + system) / 1e6 / times }));
}
process.exit();
