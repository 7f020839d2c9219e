import CKernels
import Testing

extension KernelTests {
    @Suite struct Infrastructure {
        @Test(arguments: [1, 2, 5] as [Int32]) func everyIndexRunsOnce(threads: Int32) {
            vmk_set_threads(threads)
            defer { vmk_set_threads(0) }
            var counts = [Int32](repeating: 0, count: 1000)
            counts.withUnsafeMutableBufferPointer { buffer in
                vmk_parallel(1000, buffer.baseAddress) { context, index in
                    context!.assumingMemoryBound(to: Int32.self)[Int(index)] += 1
                }
            }
            #expect(counts == [Int32](repeating: 1, count: 1000))
            vmk_parallel(0, nil) { _, _ in Issue.record("there is no index in 0..<0") }
        }

        private nonisolated(unsafe) static var asked = 0

        /// A team that comes, and one that is at work for another caller.
        @Test func anotherTeamMayShareTheWork() {
            vmk_set_threads(2)
            defer {
                vmk_set_team(nil)
                vmk_set_threads(0)
            }
            let ready: vmk_team = { threads, context, work in
                Infrastructure.asked += Int(threads)
                work?(context)
                return 1
            }
            let busy: vmk_team = { threads, _, _ in
                Infrastructure.asked += Int(threads)
                return 0
            }
            for team in [ready, busy] {
                vmk_set_team(team)
                Self.asked = 0
                var counts = [Int32](repeating: 0, count: 100)
                counts.withUnsafeMutableBufferPointer { buffer in
                    vmk_parallel(100, buffer.baseAddress) { context, index in
                        context!.assumingMemoryBound(to: Int32.self)[Int(index)] += 1
                    }
                }
                #expect(counts == [Int32](repeating: 1, count: 100) && Self.asked == 2)
            }
        }

        @Test func aTaskMayDivideItsOwnWork() {
            vmk_set_threads(3)
            defer { vmk_set_threads(0) }
            var counts = [Int32](repeating: 0, count: 64)
            counts.withUnsafeMutableBufferPointer { buffer in
                vmk_parallel(8, buffer.baseAddress) { context, outer in
                    vmk_parallel(8, context! + Int(outer) * 8 * 4) { context, inner in
                        context!.assumingMemoryBound(to: Int32.self)[Int(inner)] += 1
                    }
                }
            }
            #expect(counts == [Int32](repeating: 1, count: 64))
        }

        @Test func severalCallersMayDivideWorkAtOnce() async {
            vmk_set_threads(3)
            defer { vmk_set_threads(0) }
            await withTaskGroup(of: [Int32].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var counts = [Int32](repeating: 0, count: 100)
                        counts.withUnsafeMutableBufferPointer { buffer in
                            for _ in 0..<500 {
                                vmk_parallel(100, buffer.baseAddress) { context, index in
                                    context!.assumingMemoryBound(to: Int32.self)[Int(index)] += 1
                                }
                            }
                        }
                        return counts
                    }
                }
                for await counts in group { #expect(counts == [Int32](repeating: 500, count: 100)) }
            }
        }

        @Test func threadsReturnToTheDefault() {
            let standard = vmk_threads()
            #expect(standard >= 1)
            vmk_set_threads(7)
            #expect(vmk_threads() == 7)
            vmk_set_threads(0)
            #expect(vmk_threads() == standard)
        }

        @Test func instructionSetIsTheOneThatRuns() {
            defer { vmk_set_instruction_set(nil) }
            #expect(instructionSets.contains("portable"))
            for (place, name) in instructionSets.enumerated() {
                #expect(String(cString: vmk_set_instruction_set(name)) == name)
                #expect(String(cString: vmk_instruction_set()) == instructionSets[place])
            }
            #expect(
                instructionSets.contains(String(cString: vmk_set_instruction_set("avx512"))), "an impossible wish falls to the best below")
        }
    }
}
