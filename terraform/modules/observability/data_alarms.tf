# What holds data, by what AWS's services say of themselves: databases, broker, backups; and the certificate.
locals {
  data_alarms = merge(
    # The broker's own word, when billing says nothing.
    { for name in compact([var.broker]) : "broker-queue" => {
      text      = "messages pile up in the broker", runbook = "orders-pile-up"
      namespace = "AWS/AmazonMQ", metric = "MessageReadyCount", dimensions = { Broker = name }
      statistic = "Maximum", above = 1000, minutes = 15
    } },
    { for name in compact([var.broker]) : "broker-consumers" => {
      text      = "nobody takes orders out of the queue"
      namespace = "AWS/AmazonMQ", metric = "ConsumerCount", dimensions = { Broker = name }
      statistic = "Maximum", below = 1, minutes = 5
    } },
    { for name, id in var.databases : "${name}-database-memory" => {
      runbook   = "database-memory"
      text      = "the ${name} database runs out of memory"
      namespace = "AWS/RDS", metric = "FreeableMemory", dimensions = { DBInstanceIdentifier = id }
      statistic = "Average", below = var.database_memory_mib * pow(1024, 2), minutes = 15
    } },
    # Only classes that live on credit have any.
    { for name, id in var.databases : "${name}-database-credits" => {
      runbook   = "database-credits"
      text      = "the ${name} database has used up its processor credits"
      namespace = "AWS/RDS", metric = "CPUCreditBalance", dimensions = { DBInstanceIdentifier = id }
      statistic = "Minimum", below = 10, minutes = 15
    } },
    { for name, id in var.databases : "${name}-database-disk-queue" => {
      runbook   = "database-disk-queue"
      text      = "the ${name} database waits for its disk"
      namespace = "AWS/RDS", metric = "DiskQueueDepth", dimensions = { DBInstanceIdentifier = id }
      statistic = "Average", above = 20, minutes = 15
    } },
    { for vault in compact([var.backup_vault]) : "backup-failed" => {
      text      = "a backup has failed", missing = "notBreaching"
      namespace = "AWS/Backup", metric = "NumberOfBackupJobsFailed", dimensions = { BackupVaultName = vault }
      statistic = "Sum", above = 0, minutes = 60, period = 3600
    } },
    # A plan that does nothing fails at nothing.
    { for vault in compact([var.backup_vault]) : "backup-missing" => {
      text      = "for a day no backup has been made", runbook = "backup-failed", missing = "breaching"
      namespace = "AWS/Backup", metric = "NumberOfBackupJobsCompleted", dimensions = { BackupVaultName = vault }
      statistic = "Sum", below = 1, minutes = 1440, period = 86400
    } },
    # A job that did not begin in its time fails at nothing either.
    { for vault in compact([var.backup_vault]) : "backup-expired" => {
      text      = "a backup did not begin in time", runbook = "backup-failed", missing = "notBreaching"
      namespace = "AWS/Backup", metric = "NumberOfBackupJobsExpired", dimensions = { BackupVaultName = vault }
      statistic = "Sum", above = 0, minutes = 60, period = 3600
    } },
    { for vault in var.backup_copied ? compact([var.backup_vault]) : [] : "backup-copy-failed" => {
      text      = "a copy of a backup has failed", runbook = "backup-failed", missing = "notBreaching"
      namespace = "AWS/Backup", metric = "NumberOfCopyJobsFailed", dimensions = { BackupVaultName = vault }
      statistic = "Sum", above = 0, minutes = 60, period = 3600
    } },
    { for vault in var.backup_copied ? compact([var.backup_vault]) : [] : "backup-copy-missing" => {
      text      = "for a day no backup has been copied", runbook = "backup-failed", missing = "breaching"
      namespace = "AWS/Backup", metric = "NumberOfCopyJobsCompleted", dimensions = { BackupVaultName = vault }
      statistic = "Sum", below = 1, minutes = 1440, period = 86400
    } },
    { for vault in var.backup_restored ? compact([var.backup_vault]) : [] : "backup-restore-failed" => {
      text      = "a backup could not be restored", runbook = "backup-failed", missing = "notBreaching"
      namespace = "AWS/Backup", metric = "NumberOfRestoreJobsFailed", dimensions = { BackupVaultName = vault }
      statistic = "Sum", above = 0, minutes = 60, period = 3600
    } },
    # AWS writes it twice a day. What AWS issued it renews 60 days before its end; what was imported it does not.
    { for name, arn in var.certificates : "${name}-certificate" => {
      text      = "a certificate ends in less than three weeks", runbook = "certificate-expiry"
      namespace = "AWS/CertificateManager", metric = "DaysToExpiry", dimensions = { CertificateArn = arn }
      statistic = "Minimum", below = 21, minutes = 1440, period = 86400
    } },
    { for name, id in var.databases : "${name}-database-cpu" => {
      runbook   = "database-cpu"
      text      = "the ${name} database has no processor time left"
      namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = id }
      statistic = "Average", above = 85, minutes = 15
    } },
    { for name, id in var.databases : "${name}-database-storage" => {
      runbook   = "database-storage"
      text      = "the ${name} database is nearly full, and storage grows no further"
      namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = id }
      statistic = "Minimum", below = var.database_free_gib * pow(1024, 3), minutes = 5
    } },
    { for name, id in var.databases : "${name}-database-connections" => {
      runbook   = "database-connections"
      text      = "the ${name} database runs out of connections"
      namespace = "AWS/RDS", metric = "DatabaseConnections", dimensions = { DBInstanceIdentifier = id }
      statistic = "Maximum", above = var.database_connections, minutes = 5
    } },
  )
}
