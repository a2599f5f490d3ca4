// jsforce's ordinary calls against the sandbox; prints what they gave as one line of JSON.
// Usage: node jsforce_calls.js INSTANCE_URL ACCESS_TOKEN, with NODE_PATH naming the node_modules that has jsforce.
const jsforce = require("jsforce");

async function main([instanceUrl, accessToken]) {
  const conn = new jsforce.Connection({ instanceUrl, accessToken, version: "62.0" });
  const told = {};

  const identity = await conn.identity();
  told.identity = [identity.username, identity.organization_id.slice(0, 3)];
  told.limits = (await conn.limits()).DailyApiRequests.Max;
  told.usage = conn.limitInfo.apiUsage.limit;

  const people = Array.from({ length: 200 }, (_, n) => ({ LastName: `Js ${n}`, Company: "Js", Smarketing_Id__c: `js-${n}` }));
  people[5] = { Company: "No name" };
  const created = await conn.sobject("Lead").create(people);
  told.created = [created.length, created.filter((r) => r.success).length, created[5].errors[0].statusCode];
  const one = created[0].id;

  const more = Array.from({ length: 450 }, (_, n) => ({ LastName: `More ${n}`, Company: "Js" }));
  told.recursive = (await conn.sobject("Lead").create(more, { allowRecursive: true })).filter((r) => r.success).length;

  const updated = await conn.sobject("Lead").update([{ Id: one, Title: "Chief" }, { Id: created[1].id, Title: "Deputy" }]);
  told.updated = updated.map((r) => r.success);
  told.updatedOne = (await conn.sobject("Lead").update({ Id: one, FirstName: "Ada" })).success;

  const upserted = await conn.sobject("Lead").upsert(
    [{ Smarketing_Id__c: "js-2", LastName: "Known", Company: "Js" }, { Smarketing_Id__c: "new", LastName: "New", Company: "Js" }],
    "Smarketing_Id__c",
  );
  told.upserted = upserted.map((r) => r.created);
  told.upsertedOne = (await conn.sobject("Lead").upsert({ Smarketing_Id__c: "js-3", City: "Paris" }, "Smarketing_Id__c")).success;

  const lead = await conn.sobject("Lead").retrieve(one);
  told.retrieved = [lead.Name, lead.Title];
  told.retrievedMany = (await conn.sobject("Lead").retrieve([one, created[1].id])).map((r) => r.Title);

  const all = await conn.query("SELECT Id, LastName FROM Lead", { headers: { "Sforce-Query-Options": "batchSize=200" }, autoFetch: true, maxFetch: 10000 });
  told.queried = [all.totalSize, all.records.length, all.done];
  told.found = (await conn.sobject("Lead").find({ Company: "Js", LastName: { $like: "Js 1%" } }, ["Id"]).execute()).length;

  const destroyed = await conn.sobject("Lead").destroy([created[10].id, created[11].id]);
  told.destroyed = destroyed.map((r) => r.success);
  told.destroyedOne = (await conn.sobject("Lead").destroy(created[12].id)).success;
  told.scanAll = (await conn.query("SELECT Id FROM Lead WHERE IsDeleted = true", { scanAll: true })).totalSize;

  const described = await conn.sobject("Lead").describe();
  told.described = described.fields.some((f) => f.name === "Smarketing_Score__c");
  told.objects = (await conn.describeGlobal()).sobjects.map((o) => o.name).includes("Contact");

  conn.bulk2.pollInterval = 20;
  const rows = Array.from({ length: 300 }, (_, n) => ({ LastName: `Bulk, "${n}"`, Company: "Bulk" }));
  rows[9].LastName = "";
  const loaded = await conn.bulk2.loadAndWaitForResults({ object: "Lead", operation: "insert", input: rows, pollInterval: 20 });
  told.bulk = [loaded.successfulResults.length, loaded.failedResults.map((r) => r.sf__Error.split(":")[0]), loaded.unprocessedRecords.length];
  const stream = await conn.bulk2.query("SELECT Id, LastName FROM Lead WHERE Company = 'Bulk'", { pollInterval: 20 });
  told.bulkQueried = (await stream.toArray()).length;

  const account = (await conn.sobject("Account").create({ Name: "Js Inc", Smarketing_Id__c: "js-account" })).id;
  const contacts = await conn.sobject("Contact").create(["A", "B"].map((LastName) => ({ LastName, AccountId: account })));
  const deal = (await conn.sobject("Opportunity").create({ Name: "Js deal", StageName: "Prospecting", CloseDate: "2026-12-31", AccountId: account, ContactId: contacts[0].id })).id;
  const role = await conn.sobject("OpportunityContactRole").create({ OpportunityId: deal, ContactId: contacts[1].id, Role: "Evaluator" });
  const roles = await conn.sobject("OpportunityContactRole").find({ OpportunityId: deal }, ["ContactId", "IsPrimary", "Contact.LastName"]).execute();
  told.roles = roles.map((r) => [r.Contact.LastName, r.IsPrimary]).sort();
  told.role = (await conn.sobject("OpportunityContactRole").destroy(role.id)).success;
  told.stage = (await conn.sobject("Opportunity").update({ Id: deal, StageName: "Closed Won" })).success;
  told.won = (await conn.sobject("Opportunity").retrieve(deal)).IsWon;
  told.undeletable = await conn.sobject("Account").destroy(account).catch((error) => error.errorCode);
  told.company = (await conn.sobject("Account").upsert({ Smarketing_Id__c: "js-account", Website: "js.example" }, "Smarketing_Id__c")).success;
  told.references = (await conn.sobject("Contact").describe()).fields.find((f) => f.name === "AccountId").referenceTo;

  const refused = await conn.query("SELECT Nope__c FROM Lead").catch((error) => error.errorCode);
  told.refused = refused;
  console.log(JSON.stringify(told));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
