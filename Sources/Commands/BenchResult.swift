import Files
import Segmentation
import VMUNet

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The measurements of `bench`, as JSON and as a line for people.
package struct BenchResult: Encodable, CustomStringConvertible {
    let median_seconds: Double
    let minimum_seconds: Double
    let images_per_second: Double
    let peak_memory_bytes: Int
    let runs: Int
    let image_size: Int
    let batch_size: Int
    let train: Bool
    let precision: String
    let engine: String
    let device: String
    let compile_graph: Bool
    let threads: Int
    let instruction_set: String
    let parameters: Int

    /// - Parameters:
    ///   - times: seconds of each run that counts, at least one.
    ///   - peakMemory: bytes; nil takes the most that the process ever held.
    package init(
        _ times: [Double], engine: String, peakMemory: Int? = nil, imageSize: Int, batchSize: Int, train: Bool = false,
        precision: Compute.Precision, device: String, compileGraph: Bool = false, threads: Int, instructionSet: String,
        _ configuration: VMUNetConfiguration
    ) {
        let sorted = times.sorted(), middle = sorted.count / 2
        median_seconds = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        minimum_seconds = sorted[0]
        images_per_second = Double(batchSize) / median_seconds
        peak_memory_bytes = peakMemory ?? Self.peakMemory
        runs = times.count
        (image_size, batch_size, self.train, self.precision) = (imageSize, batchSize, train, precision.rawValue)
        (self.engine, self.device, compile_graph, self.threads) = (engine, device, compileGraph, threads)
        instruction_set = instructionSet
        parameters = VMUNetSummary(configuration, height: imageSize, width: imageSize).parameters
    }

    /// "inference 256×256, batch 1, fp32, cpu, 2 threads, avx512: median 0.2540 s (least 0.2512),
    /// 3.94 images/s, peak memory 0.36 GiB".
    package var description: String {
        "\(train ? "training step" : "inference") \(image_size)×\(image_size), batch \(batch_size), \(precision), \(device)"
            + "\(compile_graph ? " as a graph" : ""), \(counted(threads, "thread")), \(instruction_set): median \(fixedPoint(median_seconds, digits: 4)) s "
            + "(least \(fixedPoint(minimum_seconds, digits: 4))), \(fixedPoint(images_per_second, digits: 2)) images/s, "
            + "peak memory \(fixedPoint(Double(peak_memory_bytes) / 1_073_741_824, digits: 2)) GiB"
    }

    /// The most memory that the process ever held, in bytes.
    private static var peakMemory: Int {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        #if canImport(Darwin)
            return Int(usage.ru_maxrss)
        #else
            return Int(usage.ru_maxrss) * 1024
        #endif
    }
}
