#!/usr/bin/env bats
# The evaluation of IAM policies, against the emulator's: written apart, and
# in another language.

load lib/quell
load aws/emu.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	python=$(emu_python) || skip "no python that imports botocore"
	tool=$QUELL_B/unit/policy_tool
	[ -x "$tool" ] || skip "make units"
}

# Documents by chance, made of parts that meet each other often.
generate() {	# COUNT SEED
	PYTHONPATH=$QUELL_ROOT/tests/aws "$python" - "$@" <<-'END'
	import json, random, sys
	import iam_policy
	from iam_policy import Policy

	dice = random.Random(int(sys.argv[2]))
	pick, chance = dice.choice, lambda p: dice.random() < p
	KEYS = {"aws:username": ["ses-smtp", "bob", "ses-*", "s?s-smtp",
	                         "${aws:username}", "SES-SMTP", "${x:none}"],
	        "aws:SourceIp": ["198.51.100.0/24", "198.51.100.7", "::/0",
	                         "192.0.2.0/24", "2001:db8::/32"],
	        "aws:CurrentTime": ["2026-01-01T00:00:00Z", "1790000000",
	                            "2027-05-05T00:00:00Z"],
	        "x:n": ["17", "17.0", "3", "-1", "1e2"],
	        "aws:TagKeys": ["a", "b", "c", "*"],
	        "x:none": ["v", "*"],
	        "x:yes": ["true", "false", "True"],
	        "aws:PrincipalArn": ["arn:aws:iam::1:user/*",
	                             "arn:aws:iam::*:user/mail/ses-smtp",
	                             "arn:*:*:*:*:*", "arn:aws:iam::1:role/x"]}
	KIND = {"aws:SourceIp": ["IpAddress", "NotIpAddress"],
	        "aws:CurrentTime": ["Date" + o for o in (
	            "Equals", "NotEquals", "LessThan", "LessThanEquals",
	            "GreaterThan", "GreaterThanEquals")],
	        "x:n": ["Numeric" + o for o in (
	            "Equals", "NotEquals", "LessThan", "LessThanEquals",
	            "GreaterThan", "GreaterThanEquals")],
	        "x:yes": ["Bool", "StringEquals"],
	        "aws:PrincipalArn": ["ArnEquals", "ArnLike", "ArnNotEquals",
	                             "ArnNotLike", "StringLike"]}
	TEXT = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase",
	        "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"]
	ACTIONS = ["*", "ses:*", "SES:Send*", "ses:SendRawEmail", "iam:*",
	           "ses:Send?awEmail", "ses:*Email", "ses:Get*"]
	RESOURCES = ["*", "arn:aws:iam::1:user/*", "arn:aws:iam::*:user/mail/*",
	             "arn:aws:iam::1:user/*/${aws:username}",
	             "arn:aws:iam::1:user/${x:none}", "arn:aws:iam::?:us*",
	             "arn:aws:iam::1:role/*"]

	def some(items):
	    chosen = [pick(items) for _ in range(dice.randint(1, 3))]
	    return chosen[0] if len(chosen) == 1 and chance(0.5) else chosen

	def condition():
	    if chance(0.1):
	        return {"Null": {pick(list(KEYS)): pick(["true", "false"])}}
	    key = pick(list(KEYS))
	    operator = pick(KIND.get(key, TEXT))
	    if chance(0.2):
	        operator += "IfExists"
	    if chance(0.3):
	        operator = pick(["ForAllValues:", "ForAnyValue:"]) + operator
	    return {operator: {key: some(KEYS[key])}}

	def document():
	    statements = []
	    for _ in range(dice.randint(1, 4)):
	        s = {"Effect": pick(["Allow", "Allow", "Deny"])}
	        s[pick(["Action"] * 5 + ["NotAction"])] = some(ACTIONS)
	        s[pick(["Resource"] * 5 + ["NotResource"])] = some(RESOURCES)
	        if chance(0.5):
	            s["Condition"] = condition()
	            if chance(0.3):
	                s["Condition"].update(condition())
	        statements.append(s)
	    return {"Version": "2012-10-17", "Statement": statements}

	CONTEXT = {"aws:username": ["ses-smtp"], "aws:SourceIp": ["198.51.100.7"],
	           "aws:CurrentTime": ["2026-11-21T20:00:00Z"], "x:n": ["17"],
	           "aws:TagKeys": ["a", "b"], "x:none": [], "x:yes": ["true"],
	           "aws:PrincipalArn": ["arn:aws:iam::1:user/mail/ses-smtp"]}
	lower = {k.lower(): v for k, v in CONTEXT.items()}
	with open("cases", "w") as cases, open("want", "w") as want:
	    for _ in range(int(sys.argv[1])):
	        docs = [document() for _ in range(dice.randint(1, 3))]
	        edge = document() if chance(0.3) else None
	        case = {"policies": docs, "context": CONTEXT,
	                "action": pick(["ses:SendRawEmail", "iam:ListUsers",
	                                "ses:GetAccount"]),
	                "resource": pick(["arn:aws:iam::1:user/mail/ses-smtp",
	                                  "arn:aws:iam::1:role/x"])}
	        if edge:
	            case["boundary"] = edge
	        for doc in docs + [edge] * bool(edge):
	            iam_policy.check_document(doc)
	        said = iam_policy.evaluate(
	            [Policy("p", "", d) for d in docs], case["action"],
	            case["resource"], lower,
	            [Policy("b", "", edge)] if edge else None)
	        print(json.dumps(case), file=cases)
	        print(said.verdict, file=want)
	END
}

@test "10000 documents: it never says what the other contradicts" {
	generate 10000 7
	"$tool" <cases >got
	[ "$(wc -l <got)" = 10000 ]
	paste want got cases | awk -F'\t' '
		$2 == "unknown" { open++; next }
		# a Deny that may apply where nothing allows: denied either way
		$1 != $2 && ($1 != "explicitDeny" || $2 != "implicitDeny") {
			print; bad++ }
		$1 != $2 { softer++ }
		{ n[$2]++ }
		END { print n["allowed"], n["explicitDeny"], n["implicitDeny"], open + 0
		    exit bad || softer > 20 || open > 100 || n["allowed"] < 500 ||
		        n["explicitDeny"] < 500 || n["implicitDeny"] < 500 }' >seen || {
		tail -n 5 seen
		return 1
	}
}

@test "with a part of the context not known, what it says still holds" {
	generate 3000 11
	"$tool" <cases >whole
	jq -c 'del(.context["aws:SourceIp", "x:n", "aws:TagKeys"])' cases >fewer
	"$tool" <fewer >got
	sed -i 's/.*Deny/denied/' whole got
	paste whole got | awk '$2 != "unknown" && $1 != "unknown" && $1 != $2 {
		print; bad++ } $2 == "unknown" { open++ }
		END { exit bad || !open }'
}
