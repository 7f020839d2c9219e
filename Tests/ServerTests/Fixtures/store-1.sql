-- A store of schema version 1, as that version's server left it when it was killed during a job:
-- `sqlite3 server.sqlite .dump`. Two more jobs stand for one that is done and one that failed.
BEGIN TRANSACTION;
CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
INSERT INTO grdb_migrations VALUES('1: jobs and audit log');
CREATE TABLE IF NOT EXISTS "job" ("id" TEXT PRIMARY KEY NOT NULL, "owner" TEXT NOT NULL, "client" TEXT NOT NULL, "kind" TEXT NOT NULL, "model" TEXT NOT NULL, "weights" TEXT NOT NULL, "state" TEXT NOT NULL, "bytes" INTEGER NOT NULL, "slicesDone" INTEGER NOT NULL, "attempts" INTEGER NOT NULL, "threshold" DOUBLE, "slices" INTEGER, "created" DOUBLE NOT NULL, "started" DOUBLE, "finished" DOUBLE, "problem" TEXT, "remedy" TEXT);
INSERT INTO job VALUES('a86501034848eb0e255617f7a2c43af5','','127.0.0.1','nii.gz','volumes','b9a43d6e9480500a8fae7e3baae1c642850d8769998bd9dcc7bf831369b93882','running',152473,20,1,NULL,20,1795779665.9829418659,1795779666.0348887443,NULL,NULL,NULL);
INSERT INTO job VALUES('086c405159cfa4607a6dbe0f6c6ee969','','127.0.0.1','nii.gz','volumes','b9a43d6e9480500a8fae7e3baae1c642850d8769998bd9dcc7bf831369b93882','queued',102,0,0,0.4000000000000000222,NULL,1795779666.1335225105,NULL,NULL,NULL,NULL);
INSERT INTO job VALUES('77892988cd34d31e7adc25a2fa62e98e','','127.0.0.1','nii.gz','volumes','b9a43d6e9480500a8fae7e3baae1c642850d8769998bd9dcc7bf831369b93882','done',1622341,120,1,NULL,120,1795779738.6058907509,1795779739.1,4000000000.0,NULL,NULL);
INSERT INTO job VALUES('5d0f0f4f2b1be7a5d3c1a9e8b7c6d5e4','','127.0.0.1','zip','volumes','b9a43d6e9480500a8fae7e3baae1c642850d8769998bd9dcc7bf831369b93882','failed',2048,0,1,NULL,NULL,1795779738.7,1795779739.5,4000000000.0,'holds no volume','send one series or one volume');
CREATE TABLE IF NOT EXISTS "audit" ("time" TEXT NOT NULL, "client" TEXT NOT NULL, "action" TEXT NOT NULL, "subject" TEXT NOT NULL, "weights" TEXT NOT NULL, "seconds" DOUBLE);
INSERT INTO audit VALUES('2026-11-27T11:41:06Z','127.0.0.1','create','a86501034848eb0e255617f7a2c43af5','b9a43d6e9480500a8fae7e3baae1c642850d8769998bd9dcc7bf831369b93882',NULL);
INSERT INTO audit VALUES('2026-11-27T11:42:18Z','127.0.0.1','create','77892988cd34d31e7adc25a2fa62e98e','b9a43d6e9480500a8fae7e3baae1c642850d8769998bd9dcc7bf831369b93882',NULL);
CREATE INDEX "job_state" ON "job"("state", "created");
CREATE INDEX "audit_on_time" ON "audit"("time");
COMMIT;
