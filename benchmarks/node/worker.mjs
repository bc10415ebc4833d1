// What most people use today: the AWS SDK with one Promise.all. It speaks the protocol of ../workers.py.
import { createInterface } from "node:readline";
import { readFileSync, writeFileSync } from "node:fs";
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

const [endpoint] = process.argv.slice(2);
const client = new ApiGatewayManagementApiClient({ endpoint, region: "us-east-1" });

for await (const line of createInterface({ input: process.stdin })) {
  const { count, body } = JSON.parse(line);
  const ids = Array.from({ length: count }, (_, number) => `L0SM9c${String(number).padStart(8, "0")}w=`);
  const data = Buffer.from(body);
  const latencies = [];
  writeFileSync("/proc/self/clear_refs", "5"); // reset the peak
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(
    ids.map(async (id) => {
      await client.send(new PostToConnectionCommand({ ConnectionId: id, Data: data }));
      latencies.push((performance.now() - start) / 1000);
    }),
  );
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
  latencies.sort((a, b) => a - b);
  const [p50, p99] = [50, 99].map((part) => latencies[Math.floor((count * part) / 100)]);
  console.log(JSON.stringify({ wall, cpu: (user + system) / 1e6, p50, p99, peak }));
}
