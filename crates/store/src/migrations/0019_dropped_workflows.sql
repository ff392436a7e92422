-- A workflow that was never published goes with its draft. Those whose draft was dropped before that was so go now.
DELETE FROM hooks
 WHERE workflow IN (SELECT w.id FROM workflows w
                     WHERE w.revision = 0 AND NOT EXISTS (SELECT 1 FROM drafts d WHERE d.workflow = w.id));
DELETE FROM workflows
 WHERE revision = 0 AND NOT EXISTS (SELECT 1 FROM drafts d WHERE d.workflow = workflows.id);
UPDATE catalog SET version = version + 1 WHERE id = 1;
