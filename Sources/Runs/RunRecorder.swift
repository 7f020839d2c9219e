/// Writes down what happens in a run: `metrics.jsonl`, TensorBoard's events, the machine.
package final class RunRecorder {
    private let log: MetricsLog
    private let board: TensorBoardLog

    /// Goes on where a run stands: what a stopped run had written beyond its checkpoint is cut off.
    package init(_ folder: RunFolder, after position: TrainingPosition, stepsPerEpoch: Int, on environment: RunEnvironment) throws {
        log = try MetricsLog(folder.metrics, after: position)
        board = try TensorBoardLog(folder, stepsPerEpoch: stepsPerEpoch, after: position.epoch * stepsPerEpoch + position.step)
        try environment.append(to: folder)
    }

    /// Adds a step or an epoch.
    package func record(_ event: TrainingEvent) throws {
        try log.append(event)
        try board.append(event)
    }
}
