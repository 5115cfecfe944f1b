// The least that a handler of ours has to import, and so the yardstick of every import: the client, a read, a write.
export { DynamoDBClient, QueryCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
