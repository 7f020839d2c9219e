#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The processes that mpirun or srun started, read from the environment.
package enum Launcher {
    /// This process's number, from 0, and the number of processes; nil for a single process.
    package static var place: Shard? {
        let environment = ProcessInfo.processInfo.environment
        for (rank, size) in [
            ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        ] {
            guard let rank = environment[rank].flatMap({ Int($0) }), let size = environment[size].flatMap({ Int($0) }), size > 1,
                size <= Shard.most, (0..<size).contains(rank)
            else { continue }
            return Shard(index: rank, count: size)
        }
        return nil
    }

    /// The threads of this process, where mpirun started several on this machine, so that they share
    /// its processors; nil if it is the only one, or is bound to processors of its own.
    package static var threads: Int? {
        let environment = ProcessInfo.processInfo.environment
        let counts = ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"].compactMap { environment[$0].flatMap { Int($0) } }
        guard let count = counts.first, place != nil, (2...Shard.most).contains(count), let shared = sharedProcessors else { return nil }
        return max(1, shared / count)
    }

    /// The machine's processors; nil for a process that is bound to some of them, which it has to
    /// itself.
    package static var sharedProcessors: Int? {
        let (all, own) = (ProcessInfo.processInfo.processorCount, ProcessInfo.processInfo.activeProcessorCount)
        return own < all ? nil : all
    }
}
