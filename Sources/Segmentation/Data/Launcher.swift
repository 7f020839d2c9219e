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
}
