/// The limits of a server. Requests beyond them are refused with a status that says so.
package struct ServerLimits: Sendable {
    /// Bytes of a picture's file.
    package var pictureBytes = 64 << 20
    /// Pixels of a picture; 12000×9000 are 108 million.
    package var picturePixels = 120_000_000
    /// Pixels up to which a picture runs together with others; a larger one runs beside them, one
    /// at a time.
    package var sharedPixels = 6_000_000
    /// Pictures that are being read, wait, or run.
    package var waitingPictures = 128
    /// Bytes of all pictures' files that are held in memory at a time.
    package var pictureMemory = 512 << 20
    /// Requests of one client at a time.
    package var requestsPerClient = 64
    /// Bytes of a volume's file.
    package var volumeBytes = 2 << 30
    /// Voxels of a volume: 512×512×2000, or 1024×1024×500.
    package var voxels = 1 << 29
    /// Jobs that wait or run.
    package var waitingJobs = 64
    /// Jobs of one client that wait or run.
    package var jobsPerClient = 16
    /// Bytes of one client's jobs on the disk, results included.
    package var bytesPerClient = 20 << 30
    /// Seconds for one job, after which it is ended.
    package var jobSeconds = 3600
    /// Bytes of memory for one job's process.
    package var jobMemory = 12 << 30
    /// Files in a ZIP.
    package var archiveFiles = 20_000
    /// Bytes that a ZIP unpacks to.
    package var archiveBytes = 8 << 30
    /// Seconds for a request's body to arrive.
    package var bodySeconds = 600
    /// Bytes a second that a body brings on average, after its first half minute.
    package var bodyRate = 1000
    /// Clients that follow jobs' events at a time.
    package var listeners = 256
    /// Open connections.
    package var connections = 512
    /// Seconds that a finished job's files are kept.
    package var retention = 7 * 86_400
    /// Seconds that the audit log's lines are kept.
    package var auditRetention = 365 * 86_400

    package init() {}
}
