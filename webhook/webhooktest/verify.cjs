// Answers 204 to a message that the library verifies with the secret in the path, and
// 401 with its error to any other.
const http = require("node:http");
const { Webhook } = require("standardwebhooks");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      const secret = decodeURIComponent(request.url.slice(1));
      new Webhook(secret).verify(Buffer.concat(parts).toString("utf8"), request.headers);
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(401).end(String(error));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume(); // the test has ended
