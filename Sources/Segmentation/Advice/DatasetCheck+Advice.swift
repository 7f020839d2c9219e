extension DatasetCheck {
    /// Adds advice for the part to train on, if there is one and nothing is wrong with the set.
    ///
    /// - Parameter settings: the set's, with the plan of its volumes.
    mutating func advise(_ settings: DataSettings) {
        guard problems.isEmpty, let part = parts.first(where: { Self.trainingParts.contains($0.name) }) else { return }
        // The seed of a run that is given none. An error would be of a set too small to divide, which
        // training reports.
        let pictures: PictureAdvice?
        do { pictures = try settings.dataset.layout.pictureAdvice(settings, seed: 42, keepsInput: false) } catch { return }
        let held = parts.contains { $0.name == "val" } ? 0 : settings.heldBackFraction
        let slices = Int((Double(part.samples) * (1 - held)).rounded())
        advice = TrainingAdvice(
            settings, pictures: pictures, samples: pictures?.pictures ?? slices, networks: TrainingAdvice.networks(for: settings))
    }
}
