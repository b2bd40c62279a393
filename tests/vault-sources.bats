#!/usr/bin/env bats
# Where a vault's key comes from: AWS KMS and Secrets Manager (the emulator),
# systemd. Tokens, and from each to each: vault-token.bats.
# shellcheck disable=SC2030,SC2031,SC2086,SC2154

load lib/quell
load lib/vault_key.bash

@test "kms: an envelope, bound to the vault by its encryption context" {
	make_vault kms:alias/quell-vault
	opens
	[ "$(operations)" = '"GenerateDataKey Decrypt Decrypt"' ]
	# the key is written down, not its alias; its region is in the ARN
	run -0 emu_calls '[.[] | .params.EncryptionContext["quell-vault"]] |
		unique | length'
	[ "$output" = 1 ]
	AWS_REGION=eu-west-1 opens
	emu_reset_log
	run -0 cred-vault list
	run -0 emu_calls '[.[] | [.operation, .params.KeyId, .mutating]]'
	[ "$output" = '[["Decrypt","arn:aws:kms:us-east-1:111122223333:key/'$KEY1'",false]]' ]
	run ! grep -a alias state/vault
	emu_no_violations
}

@test "kms: denied 77, disabled 69, throttled 75, lost answers end well" {
	make_vault kms:$KEY1
	emu_fault '{"do": "throttle", "match": {"service": "kms"}, "times": -1}'
	run -75 cred-vault get ses
	emu_control POST clear_faults >/dev/null
	for f in throttle 500 503 reset_before reset_after close_after; do
		emu_fault '{"do": "'$f'", "match": {"service": "kms"}}'
		opens
		emu_fault '{"do": "'$f'", "match": {"service": "kms"}}'
		run -0 rotate kms:alias/quell-vault
	done
	for f in truncate garbage empty; do
		emu_fault '{"do": "'$f'", "match": {"service": "kms"}, "times": -1}'
		run --separate-stderr cred-vault get ses
		[[ $status == 7[56] && -z $output ]]
		emu_control POST clear_faults >/dev/null
	done
	emu_set '{"kms": {"us-east-1": {"'$KEY1'": {"state": "Disabled"}}}}'
	run -69 --separate-stderr cred-vault get ses
	[[ $stderr == *DisabledException* ]]
	refused 69 DisabledException kms:$KEY1
	refused 69 NotFoundException kms:alias/none
	AWS_ACCESS_KEY_ID=AKIANOBODYKEY0000001 \
	AWS_SECRET_ACCESS_KEY=n0body/SecretKeyWithoutAnyRights+0000010 \
		run -77 --separate-stderr cred-vault get ses
	[[ $stderr == *AccessDenied* ]]
	emu_no_violations
}

@test "kms: a right to encrypt without one to decrypt makes no vault" {
	emu_key '{"user": "onlyin", "policies": {"p": {"Version": "2012-10-17",
		"Statement": [{"Effect": "Allow", "Resource": "*",
		"Action": "kms:GenerateDataKey"}]}}}' >op.json
	AWS_ACCESS_KEY_ID=$(jq -r .id op.json)
	AWS_SECRET_ACCESS_KEY=$(jq -r .secret op.json)
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	refused 77 'wrapped, but not unwrapped' kms:$KEY1
}

@test "kms: the context is a condition that a policy can ask for" {
	make_vault kms:$KEY1
	id=$(emu_calls '[.[].params.EncryptionContext["quell-vault"]][0]' |
		tr -d '"')
	for who in "$id" "other"; do
		emu_key '{"user": "c'"${who:0:5}"'", "policies": {"p": {
			"Version": "2012-10-17", "Statement": [{
			"Effect": "Allow", "Resource": "*",
			"Action": "kms:Decrypt", "Condition": {"StringEquals":
			{"kms:EncryptionContext:quell-vault": "'"$who"'"}}}]}}}' \
			>op.json
		code=77
		[ "$who" = other ] || code=0
		AWS_ACCESS_KEY_ID=$(jq -r .id op.json) \
		AWS_SECRET_ACCESS_KEY=$(jq -r .secret op.json) \
			run "-$code" cred-vault list
	done
}

@test "secretsmanager: made only when told to, binary, found by its ARN" {
	refused 66 '--create-key makes it' secretsmanager:vault/one
	[ "$(emu_mutating_count)" = 0 ]
	make_vault secretsmanager:vault/one --create-key
	opens
	run -0 emu_world '.secrets["us-east-1"]["vault/one"].versions | length'
	[ "$output" = 1 ]
	AWS_REGION=eu-west-1 opens
	# one that is there is taken
	run -0 cred-vault put -y ses --vault=second <block \
		--vault-key=secretsmanager:vault/one --create-key
	run -0 emu_world '.secrets["us-east-1"]["vault/one"].versions | length'
	[ "$output" = 1 ]
	# text is none, and neither is something short
	emu_set '{"secrets": {"us-east-1": {"text": "0123456789012345678901234567890123456789",
		"short": {"binary": "00112233"}}}}'
	refused 78 'not a binary secret' secretsmanager:text
	refused 78 '32 random bytes' secretsmanager:short
	refused 64 'not a secret' 'secretsmanager:a"b'
	emu_no_violations
}

@test "secretsmanager: a lost answer makes no second secret; rotated once is found" {
	emu_fault '{"do": "reset_after", "match": {"operation": "CreateSecret"}}'
	make_vault secretsmanager:vault/two --create-key
	opens
	run -0 emu_world '.secrets["us-east-1"]["vault/two"].versions | length'
	[ "$output" = 1 ]
	put_version() {
		"$(emu_python)" - "$1" <<-'END'
		import os, sys
		import botocore.session
		s = botocore.session.get_session().create_client(
		    "secretsmanager", region_name="us-east-1", endpoint_url=
		    "http://127.0.0.1:" + os.environ["EMU_HTTP"])
		s.put_secret_value(SecretId="vault/two",
		                   SecretBinary=sys.argv[1].encode() * 32)
		END
	}
	put_version a
	opens
	put_version b
	run -65 --separate-stderr cred-vault get ses
	[[ $stderr == *"not the key of this vault"* ]]
	emu_fault '{"do": "throttle", "match": {"service": "secretsmanager"}, "times": -1}'
	run -75 cred-vault get ses
	emu_no_violations
}

@test "systemd: a credential of the service" {
	mkdir creds
	head -c 32 /dev/urandom >creds/vault
	chmod 400 creds/vault
	refused 78 'no $CREDENTIALS_DIRECTORY' systemd:vault
	export CREDENTIALS_DIRECTORY=$PWD/creds
	make_vault systemd:vault
	opens
	# readable through an ACL, for a service that is not root's
	chmod 440 creds/vault
	opens
	chmod 444 creds/vault
	run -78 cred-vault get ses
	chmod 400 creds/vault
	refused 78 none systemd:none
	refused 64 'not a credential' systemd:../vault
	CREDENTIALS_DIRECTORY=creds run -78 cred-vault get ses
}

@test "rotate-key: the old source is not needed afterwards" {
	make_vault kms:$KEY1
	run -0 rotate file:k
	emu_set '{"kms": {"us-east-1": {"'$KEY1'": {"state": "Disabled"}}}}'
	emu_reset_log
	opens
	[ "$(operations)" = '""' ]
	# what the new source refuses changes nothing
	sum=$(sha256sum state/vault)
	run -69 rotate kms:$KEY1
	run -66 rotate secretsmanager:none-there
	[ "$sum" = "$(sha256sum state/vault)" ]
	opens
}

@test "get --aws: our credential chain and botocore's take it end to end" {
	emu_key '{"user": "keeper", "policies": {"p": {"Version": "2012-10-17",
		"Statement": [{"Effect": "Allow", "Resource": "*",
		"Action": "iam:*"}]}}}' >key.json
	jq -r '"username=\(.id)\nsecret_access_key=\(.secret)"' key.json |
		cred-vault put -y responder --vault-key=file:k >/dev/null
	cat >config <<-END
	[profile sealed]
	credential_process = $QUELL_B/bin/cred-vault get --aws responder --vault $PWD/state/vault
	region = us-east-1
	END
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
	export AWS_CONFIG_FILE=$PWD/config
	run -0 iam-key-disable -n --profile sealed --user ses-smtp AKIASTOLENKEY0000001
	run -0 emu_calls '[.[].principal | select(. != null)] | unique'
	[ "$output" = '["arn:aws:iam::111122223333:user/keeper"]' ]
	emu_reset_log
	run -0 env AWS_PROFILE=sealed "$(emu_python)" - <<-'END'
	import os
	import botocore.session
	s = botocore.session.get_session().create_client(
	    "sts", endpoint_url="http://127.0.0.1:" + os.environ["EMU_HTTP"])
	print(s.get_caller_identity()["Arn"])
	END
	[ "$output" = arn:aws:iam::111122223333:user/keeper ]
	# not for what has no access key
	cred-vault put -y ses <block >/dev/null
	run -65 --separate-stderr cred-vault get --aws ses
	[[ -z $output && $stderr != *s3/cr* ]]
	# a session's: with token and time
	printf 'username=ASIA1\nsecret_access_key=s\nsession_token=t/\nexpires=2030-01-01T00:00:00Z\n' |
		cred-vault put -y session >/dev/null
	run -0 cred-vault get --aws session
	jq -e '. == {Version: 1, AccessKeyId: "ASIA1", SecretAccessKey: "s",
		SessionToken: "t/", Expiration: "2030-01-01T00:00:00Z"}' <<<"$output"
	emu_no_violations
}
